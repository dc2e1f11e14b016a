"""The one way to ask a project over HTTP: what is asked is noted in the audit log of the run."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_deploy.audit.line import shortened
from pytest_deploy.audit.log import note

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 30.0
_SERVICE = re.compile(r"/(storage|auth|rest)/v1(?:/|$)")
_IDENTITY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_OBJECT = ("object", "render")
_ABOUT_OBJECTS = {"public", "authenticated", "sign", "info", "list", "upload", "image"}


def http_client(
    connections: int = 10, *, timeout_s: float = TIMEOUT_S, url: str = ""
) -> httpx.Client:
    """
    Make a client that keeps its connections.

    Args:
        connections: How many questions are asked side by side.
        timeout_s: How long each step of an answer may take.
        url: What addresses are relative to; empty where they are whole.

    Returns:
        The client; what it asks, and what came of it, is noted.
    """
    import httpx

    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)

    class Noting(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            service, what = named(request.url.path)
            began, result = time.perf_counter(), ""
            try:
                answer = super().handle_request(request)
                result = str(answer.status_code)
            except BaseException as error:
                result = type(error).__name__
                raise
            finally:
                spent = round((time.perf_counter() - began) * 1000)
                note(service, request.method, what, result, ms=spent)
            return answer

    return httpx.Client(transport=Noting(limits=limits), timeout=timeout_s, base_url=url)


def named(path: str) -> tuple[str, str]:
    """
    Name what an address asks for, without what tells of people.

    Args:
        path: Of the address; what follows a question mark is never looked at.

    Returns:
        The service, and the object: a table, `{id}` for a user, the bucket and a hash for a file.
    """
    found = _SERVICE.match(path)
    if found is None:
        return "http", path.split("/")[1] if "/" in path else path
    parts = [unquote(one) for one in path[found.end() :].split("/") if one]
    if found[1] == "storage" and parts and parts[0] in _OBJECT:
        return "storage", _object(parts)
    plain = ["{id}" if _IDENTITY.fullmatch(one) else one for one in parts[:3]]
    return found[1], "/".join(plain)


def _object(parts: list[str]) -> str:
    kind = [one for one in parts[1:3] if one in _ABOUT_OBJECTS]
    bucket, *key = parts[1 + len(kind) :] or [""]
    told = "/".join(("object", *kind, bucket))
    return f"{told}/{shortened('/'.join(key))}" if key else told
