"""A way to a server that takes time, as to a hosted one: what is sent arrives later, in order."""

from __future__ import annotations

import asyncio
import multiprocessing
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_deploy.processes import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES = 1 << 16


@contextmanager
def away(port: int, round_trip_ms: float) -> Iterator[int]:
    """
    Put distance between here and a server of this machine, in a process of its own.

    Args:
        port: Where it listens.
        round_trip_ms: How long an answer takes that takes the server no time.

    Yields:
        The port at its other end.
    """
    near = free_port()
    process = multiprocessing.get_context("spawn").Process(
        target=_relay, args=(near, port, round_trip_ms / 2_000), daemon=True
    )
    process.start()
    try:
        yield near
    finally:
        process.terminate()
        process.join()


def _relay(near: int, far: int, delay_s: float) -> None:
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(near, far, delay_s))


async def _serve(near: int, far: int, delay_s: float) -> None:
    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(LOOPBACK, far)
        await asyncio.gather(
            _pumped(reader, there_writer, delay_s), _pumped(there_reader, writer, delay_s)
        )

    server = await asyncio.start_server(joined, LOOPBACK, near)
    async with server:
        await server.serve_forever()


async def _pumped(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
    """Hand on what comes, each piece as much later: the way is long, and not narrow."""
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def arriving() -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            await queue.put((loop.time() + delay_s, chunk))
        await queue.put((loop.time() + delay_s, b""))

    async def leaving() -> None:
        while True:
            at_s, chunk = await queue.get()
            await asyncio.sleep(max(0.0, at_s - loop.time()))
            if not chunk:
                writer.close()
                return
            writer.write(chunk)
            await writer.drain()

    with suppress(ConnectionError, asyncio.IncompleteReadError):
        await asyncio.gather(arriving(), leaving())
