"""Which Postgres a run gets, and why: `--postgres auto|embedded|container|URL|env:NAME`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.providers.postgres import container, embedded, external, refusals
from pytest_deploy.secrets import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.providers.postgres.base import Kind, Server
    from pytest_deploy.secrets import Secret
    from pytest_deploy.workspace import Workspace

_ASKED = "asked for with --postgres"


@dataclass(frozen=True)
class Choice:
    """
    A decision that the header can show.

    Args:
        kind: Which provider.
        reason: Why, in words.
        image: The image of a container.
        url: The address of a server that runs already.
    """

    kind: Kind
    reason: str
    image: str = ""
    url: Secret | None = None


def choose(request: str, *, image: str = container.DEFAULT_IMAGE) -> Choice:
    """
    Decide which Postgres to use; nothing is started.

    Args:
        request: `auto`, `embedded`, `container`, a URL, or `env:NAME` of a variable that holds one.
        image: The image for a container.

    Returns:
        The decision. `auto` takes a container where one can be had, else the embedded server.

    Raises:
        ConfigError: The variable is not set.
        TargetError: A container was asked for and cannot be had, or the request is none of these.
    """
    if request == "embedded":
        return Choice("embedded", _ASKED)
    if request == "container":
        return Choice("container", f"{_ASKED}; {container.require(image)}", image=image)
    if request == "auto":
        usable, reason = container.available(image)
        return Choice("container" if usable else "embedded", reason, image=image)
    url = resolve(request, where=refusals.WHERE)
    if not url.reveal().startswith(external.SCHEMES):
        raise refusals.not_a_url()
    return Choice("url", _ASKED, url=url)


@contextmanager
def serve(choice: Choice, workspace: Workspace) -> Iterator[Server]:
    """
    Serve the Postgres that was chosen.

    Args:
        choice: What `choose` decided.
        workspace: Holds what the server leaves.

    Yields:
        The server; it has the same attributes whichever it is.

    Raises:
        TargetError: It cannot be started or reached.
    """
    if choice.kind == "container":
        provider = container.serve(workspace, choice.image, reason=choice.reason)
    elif choice.url is not None:
        provider = external.serve(choice.url, reason=choice.reason)
    else:
        provider = embedded.serve(workspace, reason=choice.reason)
    with provider as server:
        yield server
