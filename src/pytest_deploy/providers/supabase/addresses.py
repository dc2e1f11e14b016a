"""Which project an address is of, and whether it leads out of this machine."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_REF = r"[a-z0-9]{20}"
_API = re.compile(rf"(?P<ref>{_REF})\.supabase\.co")
_DIRECT = re.compile(rf"db\.(?P<ref>{_REF})\.supabase\.co")
_POOLER = re.compile(r".*\.pooler\.supabase\.com")
_POOLED_USER = re.compile(rf".+\.(?P<ref>{_REF})")
TRANSACTION_POOLER = "6543"


def ref_of_url(host: str) -> str:
    """
    Name the project of an API's host.

    Args:
        host: The host of its URL.

    Returns:
        The project ref; empty for a domain of one's own, or a stack that is not hosted.
    """
    found = _API.fullmatch(host)
    return found["ref"] if found else ""


def ref_of_database(parameters: Mapping[str, str]) -> str:
    """
    Name the project of a database.

    Args:
        parameters: Of libpq, by name.

    Returns:
        The project ref, which the direct host or the pooler's user names; else empty.

    Source: https://supabase.com/docs/guides/database/connecting-to-postgres
    """
    host = parameters.get("host", "")
    if found := _DIRECT.fullmatch(host):
        return found["ref"]
    found = _POOLED_USER.fullmatch(parameters.get("user", ""))
    return found["ref"] if found and _POOLER.fullmatch(host) else ""


def is_local(host: str) -> bool:
    """
    Tell whether what is sent to a host stays on this machine, or in its own network of containers.

    Args:
        host: A name, an address, the folder of a socket, or empty for a socket.

    Returns:
        True for sockets, the loopback, and names without a dot, which no other network resolves.
    """
    if not host or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return "." not in host or host.endswith(".localhost")


def is_out_of_reach(host: str) -> bool:
    """
    Tell whether a host has IPv6 addresses only, and this machine no way to them.

    Args:
        host: A name.

    Returns:
        Whether it is so; False for a name that nobody knows.
    """
    found = dict(_resolved(host))
    if socket.AF_INET in found or socket.AF_INET6 not in found:
        return False
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:  # it sends nothing
        try:
            probe.connect(found[socket.AF_INET6])
        except OSError:
            return True
    return False


def _resolved(host: str) -> list[tuple[socket.AddressFamily, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host, 5432, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    return [(family, address) for family, _, _, _, address in found]
