"""fourtuple as the client (ft-client) of servers on the kernel. Each test takes a wire on which nothing
of fourtuple is running yet. Those marked @test_everywhere are made on every device."""

import contextlib
import hashlib
import random
import socket
import struct
import subprocess
import threading

from kernel_client import CLOSED_PORT, MEGABYTE, receive_exactly
from wire import finish, test, test_everywhere

PORT = 5001


@contextlib.contextmanager
def tcp_server(wire, serve, port=PORT):
    """A server whose connections are each given to serve(), in threads of their own."""
    listener = wire.kernel_socket(socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    listener.listen(1024)
    listener.settimeout(None)

    def accept():
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                connection, _ = listener.accept()
                connection.settimeout(20)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join()
        listener.close()


def echo(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def random_file(wire, size):
    path = wire.directory / "sent"
    path.write_bytes(random.randbytes(size))
    return path


def transfer(wire, size, serve):
    """Runs ft-client tcp with a file of random bytes as its input; returns (sent, received)."""
    sent = random_file(wire, size)
    received = wire.directory / "received"
    with tcp_server(wire, serve), sent.open("rb") as stdin, received.open("wb") as stdout:
        finish(wire.client("tcp", wire.KERNEL, PORT, stdin=stdin, stdout=stdout))
    return sent.read_bytes(), received.read_bytes()


# ---- TCP ----


@test_everywhere
def tcp_echo_megabytes(wire):
    size = (100 if wire.device == "af_packet" else 10) * MEGABYTE
    sent, received = transfer(wire, size, echo)
    assert sent == received, f"{len(received)} bytes came back of {size}, or others"


@test_everywhere
def tcp_send_megabytes(wire):
    """The server answers only when it has everything: half-close, by the side that closes first."""
    def take_all_then_tell(connection):
        digest = hashlib.sha256()
        with connection:
            while data := connection.recv(MEGABYTE):
                digest.update(data)
            connection.sendall(digest.digest())

    size = (100 if wire.device == "af_packet" else 10) * MEGABYTE
    sent, received = transfer(wire, size, take_all_then_tell)
    assert received == hashlib.sha256(sent).digest()


@test_everywhere
def tcp_receive_megabytes(wire):
    count = 100 if wire.device == "af_packet" else 10
    block = random.randbytes(MEGABYTE)

    def send_all(connection):
        with connection:
            for _ in range(count):
                connection.sendall(block)

    _, received = transfer(wire, 0, send_all)
    assert received == block * count


@test_everywhere
def tcp_1000_connections_at_once(wire):
    with tcp_server(wire, echo):
        output, _ = finish(wire.client("many", wire.KERNEL, PORT, 1000))
    assert output == b"1000 connections\n", output


@test_everywhere
def tcp_closed_port_is_refused(wire):
    _, errors = finish(wire.client("tcp", wire.KERNEL, CLOSED_PORT), status=1)
    assert "connect: Connection refused" in errors, errors


@test
def tcp_nobody_at_the_address(wire):
    """That ARP found nobody is told when the SYNs are given up (RFC 1122 4.2.3.9)."""
    client = wire.client("tcp", "10.9.0.77", PORT, "--tcp.syn_retries=2")
    _, errors = finish(client, status=1)
    assert "connect: No route to host" in errors, errors


@test
def tcp_server_ends_first(wire):
    def greet(connection):
        with connection:
            connection.sendall(b"welcome, and goodbye")

    _, received = transfer(wire, 0, greet)
    assert received == b"welcome, and goodbye"


@test
def tcp_server_resets(wire):
    def reset(connection):
        receive_exactly(connection, 1000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with tcp_server(wire, reset), random_file(wire, 50 * MEGABYTE).open("rb") as stdin:
        client = wire.client("tcp", wire.KERNEL, PORT, stdin=stdin, stdout=subprocess.DEVNULL)
        _, errors = finish(client, status=1)
    assert "Connection reset by peer" in errors, errors


# ---- UDP ----


@contextlib.contextmanager
def udp_echo_server(wire):
    server = wire.kernel_socket(socket.SOCK_DGRAM)
    server.bind(("", PORT))
    server.settimeout(None)

    def serve():
        while True:
            data, peer = server.recvfrom(65536)
            if peer[0] == "127.0.0.1":  # from ourselves: the end
                return
            server.sendto(data, peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.sendto(b"", ("127.0.0.1", PORT))
        thread.join()
        server.close()


@test_everywhere
def udp_sizes(wire):
    sizes = [*range(0, 8001, 100), 1471, 1472, 1473, 2951, 2952, 2953, 65507]
    with udp_echo_server(wire):
        finish(wire.client("udp", wire.KERNEL, PORT, *sizes))


@test
def udp_last_words_arrive(wire):
    """The program ends while its datagram still waits for the kernel's MAC address."""
    with wire.kernel_socket(socket.SOCK_DGRAM) as server:
        server.bind(("", PORT))
        finish(wire.client("goodbye", wire.KERNEL, PORT))
        assert server.recv(100) == b"goodbye"


@test
def udp_too_large(wire):
    with udp_echo_server(wire):
        _, errors = finish(wire.client("udp", wire.KERNEL, PORT, 65508), status=1)
    assert "send: Message too long" in errors, errors


@test_everywhere
def udp_closed_port_is_refused(wire):
    _, errors = finish(wire.client("udp", wire.KERNEL, CLOSED_PORT, 10), status=1)
    assert "recv: Connection refused" in errors, errors
