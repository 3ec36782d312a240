"""Many connections at once, and the same client ports again and again. Each test takes a wire on which
nothing of fourtuple is running yet."""

import contextlib
import errno
import multiprocessing
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import time

import load_generator
from kernel_client import echo_once, expect_echo, receive_exactly, tcp
from kernel_server import PORT, tcp_server
from wire import PROGRAMS, Skip, inside, test, wait_for

ADDRESSES = "10.9.0.1", "10.9.0.11", "10.9.0.12", "10.9.0.13", "10.9.0.14"
EACH = 3000  # connections of a process: together 15,000, and no process has too many descriptors
ROUNDS = 500


def connect_from(wire, address, port=0):
    connection = wire.kernel_socket(socket.SOCK_STREAM)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    connection.settimeout(60)
    connection.bind((address, port))
    for _ in range(200):
        try:
            connection.connect((wire.OURS, 7))
            return connection
        except OSError as error:  # the kernel's end of the last one lasts until its FIN is acknowledged
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            time.sleep(0.01)
    raise AssertionError("the kernel does not get rid of its end of the last connection")


def be_many(wire, address, all_connected, may_go_on):
    resource.setrlimit(resource.RLIMIT_NOFILE, (EACH + 200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    connections = [connect_from(wire, address) for _ in range(EACH)]
    all_connected.release()
    may_go_on.wait()
    for number, connection in enumerate(connections):
        connection.sendall(address.encode() + struct.pack("!I", number))
    for number, connection in enumerate(connections):
        wanted = address.encode() + struct.pack("!I", number)
        assert receive_exactly(connection, len(wanted)) == wanted
    for connection in connections:
        connection.close()


@test
def fifteen_thousand_connections_from_five_addresses(wire):
    """All at once; each gets back what it alone has sent; then all are gone."""
    for address in ADDRESSES[1:]:
        wire.kernel_run("ip", "address", "add", f"{address}/24", "dev", wire.kernel_link)
    context = multiprocessing.get_context("fork")
    all_connected, may_go_on = context.Semaphore(0), context.Event()
    wire.start()
    processes = [context.Process(target=be_many, daemon=True, args=(wire, address, all_connected, may_go_on))
                 for address in ADDRESSES]
    for process in processes:
        process.start()
    for _ in processes:
        assert all_connected.acquire(timeout=100), f"not all connected: {wire.statistics()['tcp_connections']}"
    assert wire.statistics()["tcp_connections"] == len(ADDRESSES) * EACH
    may_go_on.set()
    for process in processes:
        process.join(100)
        assert process.exitcode == 0, f"a client ended with {process.exitcode}"
    wait_for(lambda: wire.statistics()["tcp_connections"] == 0, 30)
    wire.stop()


# ---- a million ----

MILLION = 1_000_000
ROOM = "--tcp.connections", str(MILLION + 1000), "--socket.descriptors", str(MILLION + 1000)
NEEDED_KB = 4 << 20


def available_kb():
    line = next(line for line in open("/proc/meminfo", encoding="ascii") if line.startswith("MemAvailable:"))
    return int(line.split()[1])


def load_over_memory(wire, device, *arguments):
    """An ft-load with as many addresses as a million ports need; the wire stays unused."""
    addresses = [f"--ip.address{i or ''}=10.9.0.{101 + i}/24" for i in range(16)]
    return load_generator.start(wire, f"--nic.device={device},role=client", *addresses, *arguments, to=f"{wire.OURS}:7")


def peers_listed(wire):
    """How many connections ft-ss lists, and their peers. A million lines, so one by one."""
    count, peers = 0, set()
    with subprocess.Popen([PROGRAMS["ft-ss"], "-tnH", "state", "established", "--app", wire.namespace],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as listing:
        for line in listing.stdout:
            count += 1
            peers.add(line.split()[-1])
    assert listing.returncode == 0, listing.returncode
    return count, peers


@test
def a_million_are_listed_while_requests_are_answered(wire):
    """Each once, and no request waits for longer than ft-load waits. Between ft-load and ft-echo, as a kernel's
    clients would need fifty processes."""
    if available_kb() < NEEDED_KB:
        raise Skip(f"needs {NEEDED_KB >> 20} GiB of memory")
    device = f"net_memif0,socket={wire.directory}/memif,socket-abstract=no"
    wire.start("--name", wire.namespace, f"--nic.device={device},role=server", *ROOM)
    with load_over_memory(wire, device, "--connections", "1M", "--rate", "2k", "--duration", "1 h") as process:
        try:
            assert any(b"answers/s" in line for line in process.stderr), "no load"
            count, peers = peers_listed(wire)
            process.send_signal(signal.SIGINT)
            found = load_generator.results(wire, process)
        finally:
            process.kill()
    assert count == len(peers) == MILLION, (count, len(peers))
    assert found["errors"] == load_generator.NO_ERRORS, found["errors"]
    assert found["answers"] > MILLION / 1000, found["output"]
    wire.stop()


# ---- who takes and does not give ----


def send_without_reading(wire, connections, seconds):
    """What the kernel takes of each, again and again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for connection in connections:
            with contextlib.suppress(BlockingIOError):
                connection.send(bytes(65536))
        time.sleep(0.02)


@test
def clients_that_send_and_do_not_read_leave_room_for_others(wire):
    wire.start()
    with contextlib.ExitStack() as stack:
        before = stack.enter_context(tcp(wire))
        crowd = [stack.enter_context(wire.kernel_socket(socket.SOCK_STREAM)) for _ in range(200)]
        for connection in crowd:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
            connection.connect((wire.OURS, 7))
            connection.setblocking(False)
        send_without_reading(wire, crowd, 5)
        assert wire.statistics()["send_packets_held"] > 12288 / 2, wire.statistics()
        expect_echo(before, bytes(2000))
        echo_once(wire, bytes(2000))
    wire.stop()


# ---- the same ports again ----


def talk_from(wire, port):
    connection = connect_from(wire, wire.KERNEL, port)
    connection.sendall(b"again")
    assert receive_exactly(connection, 5) == b"again"
    return connection


@test
def client_port_again_after_a_reset(wire):
    wire.start()
    for _ in range(ROUNDS):
        with talk_from(wire, 40000) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.stop()


@test
def client_port_again_after_an_orderly_close(wire):
    """The kernel is told to have no TIME-WAIT, or it would wait before using a port again."""
    with inside(wire.namespace):
        pathlib.Path("/proc/sys/net/ipv4/tcp_max_tw_buckets").write_text("0")
    wire.start()
    for _ in range(ROUNDS):
        with talk_from(wire, 40001) as connection:
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    wire.stop()


@test
def client_port_again_while_our_end_is_in_time_wait(wire):
    """fourtuple has closed first, as ft-relay does behind a server that ends: RFC 6191 lets a new SYN in."""
    def greet(connection):
        with connection:
            connection.sendall(b"welcome, and goodbye")

    with tcp_server(wire, greet):
        wire.start("--listen", "7", "--to", f"{wire.KERNEL}:{PORT}", program="ft-relay")
        for _ in range(100):
            with connect_from(wire, wire.KERNEL, 40002) as connection:
                assert receive_exactly(connection, 20) == b"welcome, and goodbye"
                assert connection.recv(1) == b""
        assert wire.statistics()["tcp_time_wait_reused"] > 50, wire.said()
        wire.stop()
