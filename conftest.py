"""The plugin, for a checkout that is not installed."""

pytest_plugins = ("pytest_deploy.plugin",)
