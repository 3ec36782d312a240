"""A long time of everything at once: random connects, transfers, resets, closes, datagrams and pings, by
several processes of the kernel's, through ft-echo (which accepts) and ft-relay (which also connects). In
the end every packet, connection, socket and descriptor must have been given back.

FT_SOAK_SECONDS says how long in all, half for each of the two; without it, a minute. FT_SOAK_SEED repeats
the choices of one run (the timing is the machine's)."""

import contextlib
import errno
import multiprocessing
import os
import pathlib
import random
import socket
import struct
import threading
import time

from kernel_client import MEGABYTE, receive_exactly, tcp, udp
from kernel_server import PORT, echo, tcp_server
from wire import inside, test

SECONDS = int(os.environ.get("FT_SOAK_SECONDS", "60")) // 2
SEED = int(os.environ.get("FT_SOAK_SEED", "0")) or random.randrange(1, 2**32)
PROCESSES = 4
PATIENCE = 60  # seconds without a byte, on a machine that may be busy with other things
TIME_WAIT = 2  # seconds, so that the end need not be waited for long
IN_USE = ("receive_packets", "send_packets", "receive_packets_held", "receive_packets_small", "send_packets_held",
          "ip_datagrams", "tcp_connections", "tcp_connections_active", "tcp_listeners", "udp_sockets", "sockets", "epolls", "epoll_watches",
          "descriptors")


# ---- what a process does, one after the other by chance ----


def connect(wire):
    connection = tcp(wire)
    connection.settimeout(PATIENCE)
    return connection


def transfer(wire, chance):
    """To the end: every byte comes back, and the end of the stream after the last."""
    size = int(2 ** chance.uniform(0, 21))
    data = chance.randbytes(size)
    with connect(wire) as connection:
        sender = threading.Thread(target=send_all, args=(connection, data), daemon=True)
        sender.start()
        received = receive_exactly(connection, size)
        assert received == data, f"of {size} bytes others came back"
        assert connection.recv(1) == b"", "more came back than was sent"
        sender.join()


def send_all(connection, data):
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def talk(wire, chance):
    """Small messages there and back."""
    with connect(wire) as connection:
        for _ in range(chance.randrange(1, 50)):
            message = chance.randbytes(chance.randrange(1, 3000))
            connection.sendall(message)
            assert receive_exactly(connection, len(message)) == message


def reset(wire, chance):
    """A reset in the middle, whatever was read."""
    with connect(wire) as connection:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.send(chance.randbytes(chance.randrange(MEGABYTE)))
        time.sleep(chance.choice([0, 0, 0.001, 0.01]))
        with contextlib.suppress(BlockingIOError):
            connection.recv(chance.randrange(1, 100000))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def leave(wire, chance):
    """Closes with the echo unread, or before anything was said."""
    with connect(wire) as connection:
        if chance.random() < 0.8:
            connection.sendall(chance.randbytes(chance.randrange(30000)))


def crowd(wire, chance):
    """Many at once, closed in another order."""
    connections = [connect(wire) for _ in range(chance.randrange(1, 100))]
    for connection in connections:
        connection.sendall(b"hello")
    chance.shuffle(connections)
    for connection in connections:
        assert receive_exactly(connection, 5) == b"hello"
        connection.close()


def datagrams(wire, chance):
    with udp(wire) as peer:
        for _ in range(chance.randrange(1, 20)):
            message = chance.randbytes(int(2 ** chance.uniform(0, 15)))
            peer.send(message)
            with contextlib.suppress(TimeoutError):  # UDP may lose some, but must not change any
                peer.settimeout(1)
                assert peer.recv(65536) == message


def lonely_fragment(wire, chance):
    """The first half of a datagram whose other half never comes."""
    with inside(wire.namespace):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with raw:
        payload = struct.pack("!HHHH", 999, 7, 1000, 0) + bytes(64)
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), chance.randrange(1, 65536), 0x2000,
                             64, 17, 0, socket.inet_aton(wire.KERNEL), socket.inet_aton(wire.OURS))
        raw.sendto(header + payload, (wire.OURS, 0))


ACTS = transfer, talk, reset, leave, crowd
ACTS_OF_ECHO = *ACTS, datagrams, lonely_fragment


# ---- the processes ----


def work(wire, acts, seed, seconds, done, failures):
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            act = chance.choice(acts)
            try:
                act(wire, chance)
                done[acts.index(act)] += 1
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                time.sleep(0.1)  # all the kernel's ports are in TIME-WAIT
    except Exception as error:
        failures.put(f"{act.__name__}, seed {seed}: {type(error).__name__}: {error}")


def use_ports_again(wire):
    """Many ports at the kernel's end, and again a second after they were used: a quick machine
    would run out of them, with one address at each end."""
    with inside(wire.namespace):
        pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("10000 65535")
        pathlib.Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("1")


def soak(wire, acts):
    """Runs the processes, telling now and then how far they are; returns how often each act was done."""
    context = multiprocessing.get_context("fork")
    failures = context.SimpleQueue()
    done = [context.Array("Q", len(acts), lock=False) for _ in range(PROCESSES)]
    workers = [context.Process(target=work, daemon=True, args=(
        wire, acts, SEED + number, SECONDS, done[number], failures)) for number in range(PROCESSES)]
    print(f"    seed {SEED}, {PROCESSES} processes, {SECONDS} s", flush=True)
    for worker in workers:
        worker.start()
    began = told = time.monotonic()
    while any(worker.is_alive() for worker in workers):
        time.sleep(0.2)
        assert wire.is_running(), wire.said()
        if not failures.empty():
            wire.statistics()  # for the last words
            raise AssertionError(failures.get())
        if time.monotonic() - told >= 60:
            told = time.monotonic()
            print(f"    {told - began:.0f} s: {sum(map(sum, done))} done", flush=True)
        assert time.monotonic() - began < SECONDS + 120, "a process does not come to its end"
    assert failures.empty(), failures.get()
    return {act.__name__: sum(counts[number] for counts in done) for number, act in enumerate(acts)}


def difference(before, after):
    return {name: after[name] - before[name] for name in IN_USE if after[name] != before[name]}


def wait_until_given_back(wire, before):
    """All that was in use, once TIME-WAIT and reassembly are over: they are set short."""
    end = time.monotonic() + 60
    while left := difference(before, wire.statistics()):
        if time.monotonic() > end:
            raise AssertionError(f"not given back a minute after the end: {left}\n{wire.said()[-4000:]}")
        time.sleep(1)


def run_soak(wire, acts):
    use_ports_again(wire)
    before = wire.statistics()
    done = soak(wire, acts)
    wait_until_given_back(wire, before)
    after = wire.statistics()
    assert all(done.values()), f"something was never done: {done}"
    print(f"    {done}; {after['rx_packets']} packets in, {after['tx_packets']} out, "
          f"{after['tcp_established']} connections; all given back", flush=True)
    wire.stop()


@test
def soak_echo(wire):
    wire.start(f"--tcp.time_wait={TIME_WAIT}s", f"--tcp.fin_wait_2={TIME_WAIT}s",
               "--ip.reassembly_timeout=5s")
    run_soak(wire, ACTS_OF_ECHO)


@test
def soak_relay(wire):
    """The kernel is at both ends, fourtuple in the middle: every connection is accepted and opened."""
    with tcp_server(wire, patient_echo):
        wire.start("--listen", "7", "--to", f"{wire.KERNEL}:{PORT}", f"--tcp.time_wait={TIME_WAIT}s",
                   f"--tcp.fin_wait_2={TIME_WAIT}s", "--tcp.ephemeral_ports=10000-65535",
                   program="ft-relay")
        run_soak(wire, ACTS)


def patient_echo(connection):
    """Resets are part of it."""
    with contextlib.suppress(OSError):
        echo(connection)


soak_echo.seconds = soak_relay.seconds = SECONDS + 120
