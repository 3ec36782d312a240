"""ft-load against servers on the kernel and against ft-echo: whether it counts right, and tells what went
wrong. Each test takes a wire on which nothing of fourtuple is running yet."""

import collections
import contextlib
import json
import signal
import socket
import struct
import subprocess
import threading
import time

from kernel_client import CLOSED_PORT, receive_exactly
from kernel_server import PORT, echo, tcp_server, udp_echo_server
from wire import PROGRAMS, finish, inside, test, wait_for

OTHERS = "10.9.0.21", "10.9.0.22", "10.9.0.23"
NO_ERRORS = dict.fromkeys(("refused", "reset", "timeout", "unreachable", "closed", "wrong_answer", "no_port",
                           "no_memory", "other", "not_sent"), 0)


# Where the kernel's server closes first, connections stay in its TIME-WAIT. A later ft-load that comes from one
# of their ports is asked whether it means that (RFC 9293, 3.10.7.4), and connects only a second later: so such a
# server has a port of its own.
CLOSING_PORT = PORT + 10


def server(wire, serve, port=PORT):
    """A server on the kernel that does not mind how its connections end."""
    def serve_one(connection):
        with contextlib.suppress(OSError, AssertionError):
            serve(connection)

    return tcp_server(wire, serve_one, port)


def start(wire, *arguments, to=None):
    path = wire.directory / "results.json"
    path.unlink(missing_ok=True)
    to = to or f"{wire.KERNEL}:{PORT}"
    return wire.popen("ft-load", "--to", to, "--json", path, *arguments, stdin=subprocess.DEVNULL,
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def start_beside(wire, *arguments):
    """At the kernel's end of the wire, with addresses of its own, for ft-echo at the other."""
    device = f"--nic.device=net_af_packet0,iface={wire.kernel_link}"
    addresses = [f"--ip.address{i or ''}={address}/24" for i, address in enumerate(OTHERS)]
    path = wire.directory / "results.json"
    with inside(wire.namespace):
        return subprocess.Popen([PROGRAMS["ft-load"], device, *addresses, "--to", f"{wire.OURS}:7",
                                 "--json", path, *arguments], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def results(wire, process, status=0):
    """Waits for ft-load, checks what holds for all results, returns them with what it printed."""
    output, _ = finish(process, status)
    found = json.loads((wire.directory / "results.json").read_text())
    for name in "latency_ns", "service_ns", "connect_ns":
        times = found[name]
        order = [times[key] for key in ("min", "p50", "p90", "p99", "p99.9", "p99.99", "max")]
        assert order == sorted(order), (name, order)
        assert sum(count for _, count in times["histogram"]) == times["count"], name
    found["output"] = output.decode()
    return found


def load(wire, *arguments, status=0, to=None):
    return results(wire, start(wire, *arguments, to=to), status)


def is_complete(found):
    """Everything asked was answered and its time counted, once."""
    assert found["errors"] == NO_ERRORS, found["errors"]
    assert found["requests"] == found["answers"] == found["latency_ns"]["count"] > 0, found["output"]
    assert found["requests"] == found["service_ns"]["count"]
    assert found["waiting"] == 0


# ---- closed and open loop ----


@test
def tcp_ping_pong(wire):
    with server(wire, echo):
        found = load(wire, "--connections", "20", "--duration", "500 ms", "--warmup", "200 ms")
    is_complete(found)
    assert found["connects"] == found["connect_ns"]["count"] == 20
    assert found["bytes_sent"] == found["bytes_received"] == found["requests"] * 64


@test
def tcp_ping_pong_requests_larger_than_windows(wire):
    with server(wire, echo):
        found = load(wire, "--connections", "4", "--size", "1M", "--duration", "500 ms")
    is_complete(found)
    assert found["bytes_received"] == found["requests"] << 20


@test
def tcp_outstanding_is_kept(wire):
    """Of 20 connections, two ask at a time, and all get their turn."""
    counts = collections.Counter()
    most = 0

    def count(connection):
        nonlocal most
        with connection:
            while data := connection.recv(65536):
                counts[connection] += 1
                counts["now"] += 1
                most = max(most, counts["now"])
                time.sleep(0.001)
                counts["now"] -= 1
                connection.sendall(data)

    with server(wire, count):
        is_complete(load(wire, "--connections", "20", "--outstanding", "2", "--duration", "500 ms"))
    assert most <= 2, most
    assert len(counts) == 21, len(counts)


@test
def open_loop_sends_what_the_rate_says(wire):
    with server(wire, echo):
        found = load(wire, "--connections", "20", "--rate", "2k", "--duration", "500 ms", "--warmup", "100 ms")
    is_complete(found)
    assert found["requests"] == 1000, found["requests"]


@test
def open_loop_poisson(wire):
    with server(wire, echo):
        found = load(wire, "--connections", "50", "--rate", "2k", "--arrival", "poisson", "--duration", "500 ms")
    is_complete(found)
    assert 800 < found["requests"] < 1200, found["requests"]


@test
def open_loop_shows_a_server_that_stalls(wire):
    """It sleeps once for 200 ms: a tenth of the requests were due in that time, and one was sent. Only who
    counts from when they were due ("no coordinated omission") sees what users would have."""
    def stall_once(connection):
        seen = 0
        with connection:
            while data := connection.recv(65536):
                seen += 1
                if seen == 1000:
                    time.sleep(0.2)
                connection.sendall(data)

    with server(wire, stall_once):
        found = load(wire, "--rate", "1k", "--duration", "2 s")
    is_complete(found)
    assert found["requests"] == 2000
    latency, service = found["latency_ns"], found["service_ns"]
    assert latency["p99.9"] > 190e6, latency["p99.9"]
    assert latency["p99"] > 150e6, latency["p99"]
    assert service["max"] > 190e6, service["max"]
    assert service["p99"] < latency["p99"] / 2, service["p99"]


@test
def open_loop_goes_on_when_the_server_comes_back(wire):
    """It breaks its connections and is away for half a second, in which half of the requests are due."""
    has_broken = threading.Event()

    def break_once(connection):
        with connection:
            for _ in range(20):
                connection.sendall(receive_exactly(connection, 64))
        has_broken.set()

    with server(wire, break_once):
        process = start(wire, "--rate", "100", "--duration", "1 s", "--connections", "1")
        assert has_broken.wait(20)
    time.sleep(0.5)
    with server(wire, echo):
        found = results(wire, process, status=1)
    assert found["errors"]["refused"] > 0 and found["errors"]["not_sent"] == 0, found["errors"]
    assert found["measured_s"] == 1 and found["requests"] == 100, found["output"]
    assert found["latency_ns"]["max"] > 300e6, found["latency_ns"]["max"]
    assert found["answers"] >= 95, found["output"]


# ---- UDP ----


@test
def udp_ping_pong(wire):
    with udp_echo_server(wire):
        is_complete(load(wire, "--udp", "--connections", "20", "--duration", "500 ms"))
        found = load(wire, "--udp", "--connections", "20", "--rate", "1k", "--duration", "500 ms", "--size", "1")
    is_complete(found)
    assert found["requests"] == 500


@test
def udp_lost_answers_are_timeouts(wire):
    """One datagram in ten is not answered, one in ten twice."""
    server = wire.kernel_socket(socket.SOCK_DGRAM)
    server.bind(("", PORT))
    process = start(wire, "--udp", "--rate", "200", "--connections", "100", "--duration", "1 s",
                    "--timeout", "300 ms")
    with server, contextlib.suppress(TimeoutError):
        server.settimeout(5)
        for number in range(200):
            data, peer = server.recvfrom(100)
            for _ in range({3: 0, 7: 2}.get(number % 10, 1)):
                server.sendto(data, peer)
    found = results(wire, process, status=1)
    assert found["requests"] == 200 and found["answers"] == found["latency_ns"]["count"] == 180
    assert found["errors"] == NO_ERRORS | {"timeout": 20}, found["errors"]
    assert found["late"] == 20, found["late"]


@test
def udp_bulk_is_sent(wire):
    """What is counted as sent goes to the wire, but for what a full queue there drops."""
    server = wire.kernel_socket(socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    server.bind(("", PORT))
    with server:
        found = load(wire, "--udp", "--mode", "bulk-send", "--size", "1024", "--duration", "300 ms")
        came = 0
        server.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while True:
                came += len(server.recv(2048))
    assert came > 100000 and came > found["bytes_sent"] / 100, (came, found["output"])


# ---- a connection for each request ----


@test
def connect_ask_close(wire):
    with server(wire, echo):
        is_complete(load(wire, "--mode", "connect", "--connections", "5", "--duration", "500 ms"))
        found = load(wire, "--mode", "connect", "--connections", "50", "--rate", "600", "--duration", "500 ms",
                     "--reset")
    is_complete(found)
    assert found["requests"] == found["connects"] == 300


@test
def connect_ask_until_the_server_closes(wire):
    """As HTTP/1.0 does."""
    request = wire.directory / "request"
    request.write_bytes(b"GET / HTTP/1.0\r\n\r\n")
    seen = set()

    def answer(connection):
        with connection:
            seen.add(receive_exactly(connection, len(request.read_bytes())))
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 10000)

    with server(wire, answer, CLOSING_PORT):
        found = load(wire, "--mode", "connect", "--request", request, "--answer", "any", "--duration", "500 ms",
                     to=f"{wire.KERNEL}:{CLOSING_PORT}")
    is_complete(found)
    assert seen == {request.read_bytes()}
    assert found["bytes_received"] == found["answers"] * 10019


# ---- bulk ----


@test
def bulk_send_receive_and_both(wire):
    taken = 0

    def take(connection):
        nonlocal taken
        with connection:
            while data := connection.recv(1 << 20):
                taken += len(data)

    def give(connection):
        with connection, contextlib.suppress(OSError):
            while True:
                connection.sendall(bytes(1 << 20))

    with server(wire, take):
        found = load(wire, "--mode", "bulk-send", "--connections", "4", "--duration", "500 ms")
        assert found["errors"] == NO_ERRORS
        assert (1 << 20) < found["bytes_sent"] <= taken, (found["bytes_sent"], taken)
    with server(wire, give):
        found = load(wire, "--mode", "bulk-receive", "--connections", "4", "--duration", "500 ms")
        assert found["errors"] == NO_ERRORS and found["bytes_received"] > (1 << 20), found["output"]
    with server(wire, echo):
        found = load(wire, "--mode", "bulk-both", "--connections", "4", "--duration", "500 ms")
    assert found["errors"] == NO_ERRORS and found["bytes_received"] > (1 << 20), found["output"]


# ---- ft-echo ----


@test
def ft_echo_in_every_mode(wire):
    wire.start()
    for mode in ("--connections=100",), ("--udp", "--connections=100", "--rate=2k"), \
            ("--mode=connect", "--connections=20"):
        is_complete(results(wire, start_beside(wire, "--duration=500 ms", *mode)))
    found = results(wire, start_beside(wire, "--duration=500 ms", "--mode=bulk-both", "--connections=3"))
    assert found["errors"] == NO_ERRORS and found["bytes_received"] > (1 << 20), found["output"]
    wait_for(lambda: wire.statistics()["tcp_connections"] == 0, 30)
    wire.stop()


@test
def ft_echo_three_thousand_connections(wire):
    wire.start()
    found = results(wire, start_beside(wire, "--duration=500 ms", "--connections=3k", "--outstanding=100"))
    is_complete(found)
    assert found["connects"] == 3000
    wire.stop()


# ---- several addresses ----


@test
def several_addresses_outgrow_the_ports_of_one(wire):
    """Ten ports an address: 60 connections to two servers take three."""
    seen = collections.Counter()

    def note(connection):
        seen[connection.getpeername()[0]] += 1
        echo(connection)

    few_ports = "--tcp.ephemeral_ports=2000-2009", "--connections", "60", "--duration", "300 ms"
    more = "--ip.address1=10.9.0.21/24", "--ip.address2=10.9.0.22/24"
    with server(wire, note):
        process = start(wire, *few_ports, *more[:1])
        _, errors = finish(process, status=2)
        assert "60 connections to 1 destination need 6 addresses of our own, and there are 2" in errors, errors
        second = "--to", f"{wire.KERNEL}:{PORT + 1}"
        with server(wire, note, PORT + 1):
            is_complete(load(wire, *few_ports, *more, *second))
    assert seen == {wire.OURS: 20, "10.9.0.21": 20, "10.9.0.22": 20}, seen


# ---- what goes wrong ----


@test
def nobody_listens(wire):
    found = load(wire, "--connections", "3", status=1, to=f"{wire.KERNEL}:{CLOSED_PORT}")
    assert found["errors"] == NO_ERRORS | {"refused": 3}, found["errors"]
    found = load(wire, "--mode", "connect", "--rate", "200", "--duration", "500 ms", status=1,
                 to=f"{wire.KERNEL}:{CLOSED_PORT}")
    assert found["errors"] == NO_ERRORS | {"refused": 100}, found["errors"]
    assert found["requests"] == 100 and found["answers"] == 0


@test
def nobody_answers(wire):
    with server(wire, lambda connection: time.sleep(5)):
        found = load(wire, "--connections", "7", "--duration", "100 ms", "--timeout", "500 ms", status=1)
    assert found["errors"]["timeout"] == found["requests"] == 7, found["output"]


@test
def server_resets_closes_or_answers_wrong(wire):
    def reset(connection):
        receive_exactly(connection, 64)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def close(connection):
        with connection:
            connection.sendall(receive_exactly(connection, 64)[:63])

    def be_wrong(connection):
        with connection:
            receive_exactly(connection, 64)
            connection.sendall(bytes(64))

    for serve, name in (reset, "reset"), (close, "closed"), (be_wrong, "wrong_answer"):
        with server(wire, serve, CLOSING_PORT + 1):
            found = load(wire, "--rate", "40", "--duration", "500 ms", "--connections", "3", status=1,
                         to=f"{wire.KERNEL}:{CLOSING_PORT + 1}")
        assert found["requests"] == found["errors"][name] == 20, (name, found["errors"])
        assert found["errors"] == NO_ERRORS | {name: 20} and found["answers"] == 0, found["errors"]


@test
def no_free_port_is_told(wire):
    """More connections in TIME-WAIT than there are ports."""
    with server(wire, echo):
        found = load(wire, "--mode", "connect", "--tcp.ephemeral_ports=2000-2009", "--duration", "500 ms",
                     "--tcp.time_wait=60 s", status=1)
    assert found["answers"] == 10 and found["errors"]["no_port"] > 0, found["errors"]


@test
def overload_of_an_open_loop_is_told(wire):
    """A server that takes 100 ms, one connection, and 100 requests a second."""
    def be_slow(connection):
        with connection:
            while data := connection.recv(100):
                time.sleep(0.1)
                connection.sendall(data)

    with server(wire, be_slow):
        found = load(wire, "--rate", "100", "--duration", "1 s", "--timeout", "1 s", status=1)
    sent = found["requests"]
    assert 10 <= sent < 50 and found["errors"] == NO_ERRORS | {"not_sent": 100 - sent}, found["errors"]
    assert found["latency_ns"]["max"] > 500e6
    assert 5 <= found["answers_in_time"] <= 10 < found["answers"], found["output"]


@test
def what_is_due_is_sent_after_the_end_over_a_new_connection(wire):
    """Ten requests are due in 100 ms; each breaks the one connection after 50 ms."""
    def close_slowly(connection):
        with connection:
            receive_exactly(connection, 64)
            time.sleep(0.05)

    with server(wire, close_slowly):
        found = load(wire, "--rate", "100", "--duration", "100 ms", status=1)
    assert found["requests"] == 10 and found["errors"] == NO_ERRORS | {"closed": 10}, found["errors"]


@test
def interrupted_prints_the_result_so_far(wire):
    for number in signal.SIGINT, signal.SIGTERM:
        with server(wire, echo):
            process = start(wire, "--connections", "5", "--duration", "1 h")
            next(line for line in process.stderr if b"answers/s" in line)
            process.send_signal(number)
            found = results(wire, process)
        assert found["interrupted"] and 0 < found["measured_s"] < 60, found["measured_s"]
        assert found["answers"] == found["latency_ns"]["count"] > 0
        assert found["requests"] == found["answers"] + found["waiting"], found["output"]
        assert ", interrupted" in found["output"] and "p99.99" in found["output"]


@test
def what_became_due_while_interrupted_is_no_error(wire):
    """Stopped for a tenth of a second, so that 200 requests are due when the signal is seen."""
    with server(wire, echo):
        process = start(wire, "--connections", "50", "--rate", "2k", "--duration", "1 h")
        next(line for line in process.stderr if b"answers/s" in line)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        found = results(wire, process)
    assert found["interrupted"] and found["errors"] == NO_ERRORS, found["errors"]
