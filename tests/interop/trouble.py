"""What goes wrong outside: a process is killed, a cable is pulled, a router has a smaller MTU, packets are
lost. Each test takes a wire on which nothing of fourtuple is running yet."""

import contextlib
import pathlib
import platform
import re
import select
import shutil
import socket
import subprocess
import threading
import time

from kernel_client import MEGABYTE, echo_megabytes, echo_once, receive_exactly, tcp
from kernel_server import PORT, echo, random_file, tcp_server
from wire import FarNamespace, Skip, finish, run, test, wait_for

HERE = pathlib.Path(__file__).resolve().parent


# ---- kill -9 ----


@test
def client_killed(wire):
    """Some in the middle of sending without reading; fourtuple keeps nothing of them."""
    wire.start()
    before = wire.statistics()
    command = ["ip", "netns", "exec", wire.namespace, "socat", "-u", "/dev/zero", f"TCP4:{wire.OURS}:7"]
    clients = [subprocess.Popen(command) for _ in range(5)]
    try:
        wait_for(lambda: wire.statistics()["tcp_connections"] == len(clients), 20)
        time.sleep(0.5)
    finally:
        for client in clients:
            client.kill()
            client.wait()
    wait_for(lambda: wire.statistics()["tcp_connections"] == 0, 20)
    for name in "receive_packets", "send_packets_held", "descriptors":
        wait_for(lambda: wire.statistics()[name] == before[name], 20)
    echo_once(wire)
    wire.stop()


@test
def echo_killed(wire):
    """It leaves its peers alone with their connections; the one started next resets these, and serves."""
    wire.start()
    with tcp(wire) as orphan:
        orphan.sendall(b"before")
        assert receive_exactly(orphan, 6) == b"before"
        wire.program.kill()
        wire.program.wait()
        wire.program = None
        orphan.sendall(b"is anyone there?")
        wire.start()
        try:
            answer = orphan.recv(100)
        except ConnectionResetError:
            answer = None
        assert answer is None, f"a new stack knows an old connection: {answer}"
    echo_once(wire)
    wire.stop()


@test
def ft_client_killed(wire):
    """In the middle of a transfer; the next one with the same address has no trouble."""
    def take_some(connection):
        with connection:
            receive_exactly(connection, MEGABYTE)
            has_begun.set()
            time.sleep(5)

    has_begun = threading.Event()
    with tcp_server(wire, take_some), random_file(wire, 50 * MEGABYTE).open("rb") as stdin:
        client = wire.client("tcp", wire.KERNEL, PORT, stdin=stdin, stdout=subprocess.DEVNULL)
        assert has_begun.wait(20)
        client.kill()
        client.communicate()
    with tcp_server(wire, echo):
        output, _ = finish(wire.client("many", wire.KERNEL, PORT, 10))
    assert output == b"10 connections\n", output


# ---- no descriptor left ----


@test
def descriptors_run_out(wire):
    """More clients than descriptors: those that have one are served, the stack goes on, and the others follow
    as descriptors come back."""
    wire.start("--socket.descriptors", "16")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(tcp(wire)) for _ in range(30)]
        for client in clients:
            client.sendall(b"me?")
        wait_for(lambda: wire.statistics()["descriptors"] == 13, 20)  # without 0 to 2
        assert 0 < len(select.select(clients, [], [], 5)[0]) < 13
        assert "1 received" in wire.kernel_run("ping", "-c", "1", "-W", "5", wire.OURS)
        while clients:
            for client in select.select(clients, [], [], 20)[0] or [None]:
                assert client, f"{len(clients)} wait for ever"
                assert receive_exactly(client, 3) == b"me?"
                client.close()
                clients.remove(client)
    wire.stop()
    assert re.search("30 accepted, .*0 failed", wire.said()), wire.said()


# ---- the cable ----


@test
def cable_pulled_and_put_back(wire):
    """At fourtuple's end and then at the kernel's, in the middle of a transfer, which outlasts it."""
    wire.start()
    for where, link in (run, wire.our_link), (wire.kernel_run, wire.kernel_link):
        changes = wire.statistics()["link_changes"]
        cable = threading.Thread(target=pull_and_put_back, args=(where, link), daemon=True)
        with tcp(wire) as connection:
            cable.start()
            pause = echo_megabytes(connection, 20, and_while=cable.is_alive)
        assert wire.statistics()["link_changes"] >= changes + 2, "the program did not notice"
        assert pause > 1, "bytes came through a cable that was not there"
    wire.stop()


def pull_and_put_back(where, link):
    time.sleep(0.1)
    where("ip", "link", "set", link, "down")
    time.sleep(2)
    where("ip", "link", "set", link, "up")


# ---- a router ----


@test
def mtu_lowered_on_the_way(wire):
    """The network behind the router gets a smaller MTU in the middle of a connection. Only the router can
    tell (RFC 1191), and what is sent must shrink."""
    with FarNamespace(wire) as far:
        wire.start()
        with far.socket(socket.SOCK_STREAM) as connection:
            connection.connect((wire.OURS, 7))
            echo_megabytes_and_stay(connection)
            far.set_mtu(900)
            echo_megabytes(connection, 3)
        assert wire.kernel_counter("Ip", "FragFails") > 0, "the router had nothing to refuse"
        assert wire.kernel_counter("Ip", "FragCreates") == 0, "TCP was sent to be cut"
        assert wire.statistics()["icmp_errors_received"] > 0, wire.said()
        with far.socket(socket.SOCK_STREAM) as connection:  # what was learnt is for all to this address
            connection.connect((wire.OURS, 7))
            echo_megabytes(connection, 1)
        wire.stop()


def echo_megabytes_and_stay(connection):
    message = bytes(range(256)) * 4096
    sender = threading.Thread(target=connection.sendall, args=(message,), daemon=True)
    sender.start()
    assert receive_exactly(connection, len(message)) == message
    sender.join()


@test
def datagrams_are_cut_on_the_way(wire):
    """UDP may be cut by the router, and is put together by whoever gets it."""
    with FarNamespace(wire) as far:
        wire.start()
        far.set_mtu(900)
        with far.socket(socket.SOCK_DGRAM) as peer:
            peer.connect((wire.OURS, 7))
            for size in 100, 1400, 8000, 60000:
                message = bytes(number % 251 for number in range(size))
                peer.send(message)
                assert peer.recv(65536) == message, size
        assert wire.kernel_counter("Ip", "FragCreates") > 0, "the router had nothing to cut"
        wire.stop()


# ---- loss ----


@test
def five_in_a_hundred_lost_by_bpf(wire):
    """In each direction, where the router receives: a kernel that loses its own packets when sending
    knows it, and sends them again at once. The bytes arrive, and both sides have had to repeat some."""
    lossy = compile_lossy(wire)
    with FarNamespace(wire) as far:
        for link in wire.kernel_link, far.router_link:
            wire.kernel_run("tc", "qdisc", "add", "dev", link, "clsact")
            wire.kernel_run("tc", "filter", "add", "dev", link, "ingress", "bpf", "da", "obj", lossy,
                            "sec", "classifier")
        wire.start()
        for _ in range(2):
            with far.socket(socket.SOCK_STREAM) as connection:
                connection.settimeout(100)  # timeouts in a row double the next
                connection.connect((wire.OURS, 7))
                echo_megabytes(connection, 1)
        for link in wire.kernel_link, far.router_link:
            assert dropped_at(wire, link) > 10, f"lost at {link}: {dropped_at(wire, link)}"
        statistics = wire.statistics()
        assert statistics["tcp_retransmitted"] > 0, wire.said()
        assert statistics["tcp_out_of_order"] > 0, wire.said()
        wire.stop()


def dropped_at(wire, link):
    said = wire.kernel_run("tc", "-s", "qdisc", "show", "dev", link)
    return int(re.search(r"qdisc clsact.*?dropped ([0-9]+)", said, re.DOTALL)[1])


def compile_lossy(wire):
    if not shutil.which("clang"):
        raise Skip("needs clang, to compile for BPF")
    lossy = wire.directory / "lossy.o"
    run("clang", "-O2", "-g", "-Wall", "-Werror", "-target", "bpf",
        f"-I/usr/include/{platform.machine()}-linux-gnu", "-c", HERE / "lossy.c", "-o", lossy)
    return lossy
