"""iperf3 through ft-relay, between two namespaces of the kernel's:

    iperf3 -c, 10.9.0.1 ──► ft-relay, 10.9.0.2 ──► 10.9.0.1 as router ──► iperf3 -s, 10.9.1.1

so that fourtuple receives and sends the same bytes, at both ends of a connection each time."""

import contextlib
import json
import shutil
import subprocess
import threading

from kernel_client import echo_megabytes, tcp
from kernel_server import PORT, tcp_server
from soak import patient_echo
from wire import FarNamespace, Skip, test, wait_for

IPERF_PORT = 5201
BUFFERS = 8 << 20  # on the way, and not counted, when iperf3 says that time is over


@contextlib.contextmanager
def iperf_server(far):
    command = ["ip", "netns", "exec", far.namespace, "iperf3", "-s", "-p", str(IPERF_PORT), "--forceflush"]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: b"listening" in server.stdout.readline(), 20)
        yield
    finally:
        server.terminate()
        server.communicate()


def iperf(wire, *options):
    """Runs the client to the relay, and returns (bytes sent, bytes received) as iperf3 counted."""
    said = wire.kernel_run("iperf3", "-c", wire.OURS, "-p", str(IPERF_PORT), "-J", *options)
    report = json.loads(said)
    assert "error" not in report, report["error"]
    end = report["end"]
    return end["sum_sent"]["bytes"], end["sum_received"]["bytes"]


@test
def iperf_both_ways(wire):
    """-n bytes there, with -R back; and in four streams."""
    if not shutil.which("iperf3"):
        raise Skip("needs iperf3")
    with FarNamespace(wire) as far, iperf_server(far):
        wire.start("--listen", str(IPERF_PORT), "--to", f"{far.ADDRESS}:{IPERF_PORT}", program="ft-relay")
        for options in [], ["-R"], ["-P", "4"]:
            before = wire.statistics()["tx_bytes"]
            sent, received = iperf(wire, "-n", "20M", *options)
            told = f"{options}: sent {sent}, received {received}"
            assert sent >= 20 << 20 and sent - received < BUFFERS, told
            assert wire.statistics()["tx_bytes"] - before > received, "it did not go through fourtuple"
        wire.stop()


@test
def relay_keeps_bytes_and_their_end(wire):
    """What iperf3 does not look at: that they are the same, to the last one."""
    with tcp_server(wire, patient_echo):
        wire.start("--listen", "7", "--to", f"{wire.KERNEL}:{PORT}", program="ft-relay")
        with tcp(wire) as connection:
            echo_megabytes(connection, 30)
        wire.stop()


@test
def relay_passes_a_refusal_on(wire):
    """Nobody listens behind it: the client's connection is reset, and the relay goes on."""
    wire.start("--listen", "7", "--to", f"{wire.KERNEL}:{PORT}", program="ft-relay")
    for _ in range(3):
        try:
            with tcp(wire) as connection:
                answer = connection.recv(1)
        except ConnectionResetError:
            continue
        raise AssertionError(f"expected a reset, got {answer}")
    assert wire.statistics()["tcp_connections"] == 0
    wire.stop()


@test
def relay_slows_a_sender_down(wire):
    """The server does not read: the client must be stopped by the windows between, not fill our memory."""
    is_over = threading.Event()

    def never_read(connection):
        with connection:
            is_over.wait(60)

    with tcp_server(wire, never_read):
        wire.start("--listen", "7", "--to", f"{wire.KERNEL}:{PORT}", program="ft-relay")
        with tcp(wire) as connection:
            connection.settimeout(3)
            sent = 0
            with contextlib.suppress(TimeoutError):
                while sent < 64 << 20:
                    sent += connection.send(bytes(65536))
            assert sent < 64 << 20, "nothing held the sender back"
        is_over.set()
        wire.stop()
