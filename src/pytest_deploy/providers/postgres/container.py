"""A Postgres in a container, wherever a Docker daemon answers."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres.base import identify, write_passfile
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.providers.postgres.base import Server
    from pytest_deploy.workspace import Workspace

DEFAULT_IMAGE = "postgres:18"
WHERE = "the option --postgres container"
_LOOPBACK = "127.0.0.1"
_PORT = 5432
_USER = "postgres"
_DATABASE = "postgres"
# A path of our own: that of the official image moved between the versions 17 and 18.
_MEMORY = "/pytest-deploy"
_COMMAND = (
    "postgres -c fsync=off -c synchronous_commit=off -c full_page_writes=off "
    "-c wal_level=minimal -c max_wal_senders=0 -c maintenance_work_mem=256MB -c jit=off "
    "-c log_min_messages=log -c log_min_error_statement=panic -c log_error_verbosity=terse"
)
# Read when testcontainers is imported; what the user has set stands. Its reaper is one more
# image to pull, and the workspace's guardian does its work.
_TESTCONTAINERS = {
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
    "TC_POOLING_INTERVAL": "0.1",
    "TC_MAX_TRIES": "600",
}


def available(image: str, timeout_s: float = 5) -> tuple[bool, str]:
    """
    Tell whether a container of an image could be started, without starting or pulling anything.

    Args:
        image: The image's name.
        timeout_s: How long the daemon may take for one answer.

    Returns:
        Whether it could, and why or why not in words.
    """
    try:
        return True, require(image, timeout_s)
    except TargetError as error:
        return False, error.problem


def require(image: str, timeout_s: float = 5) -> str:
    """
    Make sure that a daemon answers and has the image or can pull it.

    Args:
        image: The image's name.
        timeout_s: How long the daemon may take for one answer.

    Returns:
        What was found, in words.

    Raises:
        TargetError: No daemon answers, or the image is missing and cannot be pulled.
    """
    if _daemon() is None:
        raise _no_daemon("no socket and no DOCKER_HOST")
    import docker
    from docker.errors import DockerException, ImageNotFound
    from requests.exceptions import RequestException

    try:
        client = docker.from_env(timeout=timeout_s, environment=_environment())
        with closing(client):
            version = client.version()["Version"]
            try:
                client.images.get(image)
            except ImageNotFound:
                _require_in_registry(client, image)
                return f"Docker {version} answers and can pull {image}"
    except (DockerException, RequestException) as error:
        denied = "Permission denied" in str(error)
        seen = "its socket refuses this user" if denied else type(error).__name__
        raise _no_daemon(seen) from error
    return f"Docker {version} answers and has {image}"


@contextmanager
def serve(workspace: Workspace, image: str, *, reason: str) -> Iterator[Server]:
    """
    Start a container with its data in memory, and remove it at the end.

    Args:
        workspace: Knows the container's name; where it is kept, the container stays.
        image: An image that behaves like the official one of Postgres.
        reason: Why this one was chosen.

    Yields:
        The server, on a port that only this machine reaches.

    Raises:
        TargetError: No daemon, no image, or the container does not start.

    Source: https://testcontainers-python.readthedocs.io/en/latest/modules/postgres/README.html
    """
    require(image)
    password = Secret(secrets.token_urlsafe(24))
    container = _container(workspace, image, password)
    try:
        _start(container, image)
        parameters = {
            "host": container.get_container_host_ip(),
            "port": str(container.get_exposed_port(_PORT)),
            "user": _USER,
            "password": password.reveal(),
            "dbname": _DATABASE,
        }
        passfile = write_passfile(workspace.child("server", stays=True), parameters)
        yield identify(parameters, kind="container", reason=reason, passfile=passfile)
    finally:
        if not workspace.kept:
            container.stop()


def _container(workspace: Workspace, image: str, password: Secret) -> Any:  # noqa: ANN401
    """Describe the container; typed as anything since testcontainers knows no bound address."""
    daemon = _daemon() or ""
    local = daemon.startswith("unix://")
    os.environ.setdefault("DOCKER_HOST", daemon)
    for name, value in _TESTCONTAINERS.items():
        os.environ.setdefault(name, value)
    if local:
        os.environ.setdefault("TC_HOST", _LOOPBACK)
    from testcontainers.community.postgres import PostgresContainer

    name = f"pytest-deploy-{workspace.release}"
    workspace.record_container(name, daemon=daemon)
    container: Any = PostgresContainer(
        image, _PORT, _USER, password.reveal(), _DATABASE, driver=None
    )
    if local and os.environ["TC_HOST"] == _LOOPBACK:
        # Personal data: by default Docker would publish the port on every interface.
        container.ports = {str(_PORT): (_LOOPBACK, None)}
    return (
        container.with_name(name)
        .with_kwargs(labels={"pytest-deploy.release": workspace.release})
        .with_command(_COMMAND)
        .with_env("PGDATA", f"{_MEMORY}/data")
        .with_tmpfs_mount(_MEMORY)
    )


def _start(container: Any, image: str) -> None:  # noqa: ANN401 - see _container
    from docker.errors import DockerException

    try:
        container.start()
    except (DockerException, TimeoutError, ConnectionError, RuntimeError) as error:
        raise TargetError(
            f"container of {image}",
            problem=f"expected Postgres to answer in it, seen {_explanation(error)}",
            where=WHERE,
            remedy="look at the image and the daemon's log, or use --postgres embedded",
        ) from error


def _require_in_registry(client: Any, image: str) -> None:  # noqa: ANN401 - docker has no types
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        client.images.get_registry_data(image)
    except (DockerException, RequestException) as error:
        raise TargetError(
            f"image {image}",
            problem=f"expected image {image}, Docker does not have it and cannot pull it",
            where="the image of --postgres container",
            remedy=f"docker pull {image}, or configure an image that is there",
        ) from error


def _daemon() -> str | None:
    if address := os.environ.get("DOCKER_HOST"):
        return address
    home, runtime = Path.home(), os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")
    for place in (
        Path("/var/run/docker.sock"),
        Path(runtime, "docker.sock"),
        home / ".docker/run/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".orbstack/run/docker.sock",
    ):
        if place.is_socket():
            return f"unix://{place}"
    return None


def _environment() -> dict[str, str]:
    return {**os.environ, "DOCKER_HOST": _daemon() or ""}


def _no_daemon(seen: str) -> TargetError:
    return TargetError(
        "Docker",
        problem=f"no Docker daemon answers ({seen})",
        where=WHERE,
        remedy="start Docker, set DOCKER_HOST, or use --postgres embedded, which needs none",
    )


def _explanation(error: Exception) -> str:
    explanation = getattr(error, "explanation", None)
    return str(explanation or type(error).__name__).partition("\n")[0]
