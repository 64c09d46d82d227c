"""A link through the proxy passes, is cut, stalls and goes on."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from retail_pipeline_tests.faults.proxy import Proxy, Way


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionResetError):
            while received := self.request.recv(100):
                self.request.sendall(received)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture(name="server")
def _server() -> Iterator[int]:
    with _Server(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.fixture(name="proxy")
def _proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


@pytest.fixture(name="client", params=["forward", "socks"])
def _client(request: pytest.FixtureRequest, proxy: Proxy, server: int) -> Iterator[socket.socket]:
    """Connect through the proxy either way."""
    port = proxy.forward(server) if request.param == "forward" else proxy.socks()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as client:
        if request.param == "socks":
            client.sendall(b"\x05\x01\x00")
            assert client.recv(2) == b"\x05\x00"
            client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + server.to_bytes(2, "big"))
            assert client.recv(10)[:2] == b"\x05\x00"
        yield client


def _echoed(client: socket.socket, word: bytes) -> bytes:
    client.sendall(word)
    return client.recv(100)


def test_bytes_pass(client: socket.socket, proxy: Proxy, server: int) -> None:
    assert _echoed(client, b"one") == b"one"
    assert proxy.connections(server) == 1


def test_a_cut_ends_the_connection_and_refuses_the_next(client: socket.socket, proxy: Proxy, server: int) -> None:
    assert _echoed(client, b"one") == b"one"
    proxy.set(server, Way.CUT)
    with pytest.raises(ConnectionResetError):
        client.recv(100)
    again = proxy.forward(server)
    with closing(socket.create_connection(("127.0.0.1", again), timeout=10)) as refused:
        assert refused.recv(100) == b""
    proxy.set(server, Way.OPEN)
    with closing(socket.create_connection(("127.0.0.1", again), timeout=10)) as welcome:
        assert _echoed(welcome, b"two") == b"two"


def test_what_stalls_arrives_later(client: socket.socket, proxy: Proxy, server: int) -> None:
    proxy.set(server, Way.STALLED)
    client.sendall(b"one")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(100)
    client.settimeout(10)
    proxy.set(server, Way.OPEN, delay=0.01)
    assert client.recv(100) == b"one"


def test_an_abandoned_connection_never_speaks_again_and_a_new_one_does(
    client: socket.socket, proxy: Proxy, server: int
) -> None:
    assert _echoed(client, b"one") == b"one"
    assert proxy.abandon(server) == 1
    client.sendall(b"one")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(100)
    with closing(socket.create_connection(("127.0.0.1", proxy.forward(server)), timeout=10)) as other:
        assert _echoed(other, b"two") == b"two"


def test_where_nobody_listens_it_leads_elsewhere_unless_it_is_cut(proxy: Proxy, server: int) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = int(nobody.getsockname()[1])
        port = proxy.forward(dead, server)
        with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
            assert (proxy.connections(dead), proxy.connections(server)) == (0, 1)
        proxy.set(dead, Way.CUT)
        with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as client, suppress(OSError):
            assert client.recv(100) == b""
