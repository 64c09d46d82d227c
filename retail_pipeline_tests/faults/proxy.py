"""What if a connection breaks between two servers that both live? A proxy on this machine that can cut, stall, delay.

It forwards a port of its own to one server, or takes SOCKS 5, which says itself where it wants to go: a JVM that is
told so opens every plain socket through it, without an address of its configuration being another.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self, TypeVar

_CHUNK = 65_536
_HOST = "127.0.0.1"
_SUCCEEDED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00"
_REFUSED = b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"
_BY_NAME, _BY_IPV4 = 3, 1
_RESET = struct.pack("ii", 1, 0)
_T = TypeVar("_T")


class Way(Enum):
    """What happens to bytes on a link."""

    OPEN = "pass"
    CUT = "connections end and new ones are refused"
    STALLED = "nothing passes, and nobody is told"


@dataclass(eq=False)
class _Pair:
    """A client's connection and the server's."""

    port: int
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    abandoned: bool = False

    def abort(self) -> None:
        """End both with a reset, as a cut wire's next packet would find it."""
        for writer in self.writers:
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Proxy:
    """All links through it, named by the port of the server at their end. `delay` is in seconds for each chunk."""

    def __init__(self) -> None:
        self._ways: dict[int, Way] = {}
        self._delays: dict[int, float] = {}
        self._pairs: set[_Pair] = set()
        self._changed = asyncio.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def forward(self, port: int, otherwise: int | None = None) -> int:
        """Return a port that leads to a server's port; where nobody listens there, to `otherwise`."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            end = port
            if otherwise is not None and self._ways.get(port) is not Way.CUT and not await _listens(port):
                end = otherwise
            await self._tracked(self._serve(reader, writer, end))

        return self._run(self._listen(accept))

    def socks(self) -> int:
        """Return a port that takes SOCKS 5."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._tracked(self._serve_socks(reader, writer))

        return self._run(self._listen(accept))

    def set(self, port: int, way: Way, *, delay: float = 0.0) -> None:
        """Let the link to a server's port be like this from now on."""
        self._run(self._set(port, way, delay))

    def abandon(self, port: int) -> int:
        """Let nothing pass on the connections that there are, for ever; new ones work. Give how many they were."""
        return self._run(self._abandon(port))

    def connections(self, port: int) -> int:
        """Count the connections to a server's port that work."""
        return sum(pair.port == port and not pair.abandoned for pair in list(self._pairs))

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self, accept: Any) -> int:
        server = await asyncio.start_server(accept, _HOST, 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _tracked(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        with suppress(asyncio.CancelledError):
            await task
        self._tasks.discard(task)

    async def _serve_socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            _, methods = await reader.readexactly(2)
            await reader.readexactly(methods)
            writer.write(b"\x05\x00")
            _, _, _, kind = await reader.readexactly(4)
            length = (await reader.readexactly(1))[0] if kind == _BY_NAME else 4 if kind == _BY_IPV4 else 16
            await reader.readexactly(length)
            port = int.from_bytes(await reader.readexactly(2), "big")
            await self._serve(reader, writer, port, _SUCCEEDED, _REFUSED)
            return
        writer.transport.abort()

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        port: int,
        welcome: bytes = b"",
        refusal: bytes = b"",
    ) -> None:
        pair = _Pair(port, [writer])
        self._pairs.add(pair)
        try:
            server_reader, server_writer = await self._open(port)
            pair.writers.append(server_writer)
            writer.write(welcome)
            await asyncio.gather(
                self._pump(pair, reader, server_writer),
                self._pump(pair, server_reader, writer),
            )
        except ConnectionRefusedError:
            with suppress(OSError):
                writer.write(refusal)
                await writer.drain()
                writer.close()
        except (OSError, EOFError):
            pass
        finally:
            self._pairs.discard(pair)
            for one in pair.writers:
                one.close()

    async def _open(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._ways.get(port) is Way.CUT:
            raise ConnectionRefusedError
        return await asyncio.open_connection(_HOST, port)

    async def _pump(self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            async with self._changed:
                await self._changed.wait_for(
                    lambda: not pair.abandoned and self._ways.get(pair.port) is not Way.STALLED
                )
            if delay := self._delays.get(pair.port, 0.0):
                await asyncio.sleep(delay)
            writer.write(chunk)
            await writer.drain()
        # One side said that it is done; neither of ours speaks on after that.
        pair.abort()

    async def _set(self, port: int, way: Way, delay: float) -> None:
        async with self._changed:
            self._ways[port], self._delays[port] = way, delay
            if way is Way.CUT:
                for pair in list(self._pairs):
                    if pair.port == port:
                        pair.abort()
            self._changed.notify_all()

    async def _abandon(self, port: int) -> int:
        found = [pair for pair in self._pairs if pair.port == port]
        for pair in found:
            pair.abandoned = True
        return len(found)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for pair in list(self._pairs):
            pair.abort()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(_HOST, port)
    except OSError:
        return False
    writer.close()
    return True
