"""Which processes make the load: one here, several here, or some elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_deploy.errors import ConfigError

LOOPBACK = "127.0.0.1"
PORT = 5557
_LARGEST_PORT = 65_535


@dataclass(frozen=True)
class Nodes:
    """
    What was asked for on the command line.

    Args:
        local: Worker processes here.
        elsewhere: Workers that join from elsewhere.
        host: The address that they join at.
        port: Its port; 0 for any that is free.
    """

    local: int = 0
    elsewhere: int = 0
    host: str = LOOPBACK
    port: int = 0

    @property
    def workers(self) -> int:
        """All workers; none where the load is made by one process."""
        return self.local + self.elsewhere


ONE_PROCESS = Nodes()


def nodes_of(local: int, elsewhere: int, bind: str | None) -> Nodes:
    """
    Read `--load-workers`, `--load-expect` and `--load-bind`.

    Args:
        local: Worker processes here.
        elsewhere: Workers that join from elsewhere.
        bind: Address and port; None for the loopback.

    Returns:
        What they come to.

    Raises:
        ConfigError: They are not what they should be, or contradict each other.
    """
    for option, count in (("--load-workers", local), ("--load-expect", elsewhere)):
        if count < 0:
            raise _refused(option, f"expected 0 or more, seen {count}")
    if bind is None:
        return Nodes(local, elsewhere, port=PORT if elsewhere else 0)
    if not local + elsewhere:
        raise _refused("--load-bind", "expected workers that join, seen none")
    host, port = address_of(bind, "--load-bind")
    return Nodes(local, elsewhere, host, port)


def address_of(text: str, option: str) -> tuple[str, int]:
    """
    Read an address.

    Args:
        text: ADDRESS:PORT, with brackets around an IPv6 address.
        option: Where it was given.

    Returns:
        Host and port.

    Raises:
        ConfigError: It is none.
    """
    host, colon, port = text.rpartition(":")
    known = host.strip("[]")
    if not (colon and known and port.isdecimal() and 0 < int(port) <= _LARGEST_PORT):
        raise _refused(option, f"expected ADDRESS:PORT, seen {text!r}")
    return host, int(port)


def _refused(option: str, problem: str) -> ConfigError:
    return ConfigError(
        option,
        problem=problem,
        where="the command line, or addopts",
        remedy="see runbooks/load-gate.md, Beyond one machine",
    )
