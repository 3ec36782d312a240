"""The kernel as the client of ft-echo. Each test takes a wire whose ft-echo is listening on port 7, TCP
and UDP. Those marked @test_everywhere are made on every device, the others on af_packet alone."""

import contextlib
import hashlib
import pathlib
import random
import resource
import select
import socket
import struct
import subprocess
import threading
import time

from wire import Skip, inside, run, test, test_everywhere

CLOSED_PORT = 9
MEGABYTE = 1 << 20


def tcp(wire, port=7):
    connection = wire.kernel_socket(socket.SOCK_STREAM)
    connection.connect((wire.OURS, port))
    return connection


def udp(wire, port=7):
    connected = wire.kernel_socket(socket.SOCK_DGRAM)
    connected.connect((wire.OURS, port))
    return connected


def receive_exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        more = connection.recv(min(count - len(data), MEGABYTE))
        assert more, f"the connection ended after {len(data)} of {count} bytes"
        data += more
    return bytes(data)


def expect_echo(connection, data=b"x"):
    connection.sendall(data)
    assert receive_exactly(connection, len(data)) == data


def echo_once(wire, data=b"anyone there?"):
    """The proof that fourtuple is still in order."""
    with tcp(wire) as connection:
        expect_echo(connection, data)


def echo_megabytes(connection, count, and_while=lambda: False):
    """Sends so many megabytes, and more while that says so, ends the sending side, and compares what comes
    back until the end. Returns the longest time, in seconds, in which nothing came."""
    sent, received = hashlib.sha256(), hashlib.sha256()
    sent_megabytes = 0

    def send():
        nonlocal sent_megabytes
        while sent_megabytes < count or and_while():
            block = random.randbytes(MEGABYTE)
            sent.update(block)
            connection.sendall(block)
            sent_megabytes += 1
        connection.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    total, longest, last = 0, 0, time.monotonic()
    while data := connection.recv(MEGABYTE):
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        received.update(data)
        total += len(data)
    sender.join(20)
    assert total == sent_megabytes * MEGABYTE, f"{total} bytes came back of {sent_megabytes} megabytes"
    assert sent.digest() == received.digest(), "the bytes that came back were others"
    return longest


# ---- ping ----


@test_everywhere
def ping_sizes(wire):
    """From nothing through one packet, two fragments, to the largest that IPv4 carries."""
    for size in 0, 1, 56, 1471, 1472, 1473, 2952, 2953, 8000, 65507:
        said = wire.kernel_run("ping", "-c", "1", "-W", "5", "-s", str(size), wire.OURS)
        assert "1 received" in said, f"size {size}: {said}"


@test
def ping_flood_loses_none(wire):
    said = wire.kernel_run("ping", "-c", "2000", "-i", "0.001", "-q", wire.OURS)
    assert "2000 received" in said, said


@test
def arp_is_asked_again_after_flush(wire):
    for _ in range(5):
        wire.kernel_run("ip", "neigh", "flush", "dev", wire.kernel_link)
        said = wire.kernel_run("ping", "-c", "1", "-W", "5", wire.OURS)
        assert "1 received" in said, said


@test
def ping_with_ip_options(wire):
    """Record route: the option is skipped, the echo answered."""
    said = wire.kernel_run("ping", "-R", "-c", "1", "-W", "5", wire.OURS)
    assert "1 received" in said, said


@test
def ping_to_broadcast_is_not_answered(wire):
    with inside(wire.namespace):
        done = subprocess.run(["ping", "-b", "-c", "2", "-i", "0.2", "-W", "1", "10.9.0.255"],
                              capture_output=True, text=True)
    assert " 0 received" in done.stdout, done.stdout


# ---- TCP ----


@test_everywhere
def tcp_echo_megabytes(wire):
    with tcp(wire) as connection:
        echo_megabytes(connection, 100 if wire.device == "af_packet" else 10)


@test_everywhere
def tcp_messages_of_all_small_sizes(wire):
    with tcp(wire) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in range(1, 3000, 7):
            message = random.randbytes(size)
            connection.sendall(message)
            assert receive_exactly(connection, size) == message


@test_everywhere
def tcp_1000_connections_at_once(wire):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(4096, limit[0]), max(4096, limit[1])))
    connections = [tcp(wire) for _ in range(1000)]
    try:
        for round_trip in range(3):
            for number, connection in enumerate(connections):
                connection.sendall(struct.pack("!II", number, round_trip))
            for number, connection in enumerate(connections):
                assert receive_exactly(connection, 8) == struct.pack("!II", number, round_trip)
    finally:
        for connection in connections:
            connection.close()


@test
def tcp_1000_connections_one_after_another(wire):
    for number in range(1000):
        echo_once(wire, struct.pack("!I", number))


@test_everywhere
def tcp_half_close_gets_the_rest(wire):
    with tcp(wire) as connection:
        echo_megabytes(connection, 1)


@test
def tcp_close_without_data(wire):
    with tcp(wire) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


@test_everywhere
def tcp_closed_port_refuses(wire):
    try:
        tcp(wire, CLOSED_PORT)
    except ConnectionRefusedError:
        return
    raise AssertionError("a port nobody listens on took a connection")


@test
def tcp_idle_connection_stays(wire):
    with tcp(wire) as connection:
        connection.sendall(b"before")
        assert receive_exactly(connection, 6) == b"before"
        time.sleep(5)
        connection.sendall(b"after")
        assert receive_exactly(connection, 5) == b"after"


@test
def tcp_slow_reader_holds_the_sender_back(wire):
    """A client that does not read what comes back must be stopped by the window after a bounded amount,
    must not hinder others, and finds everything there when it reads at last."""
    with tcp(wire) as connection:
        sent = send_until_blocked(connection, 64 * MEGABYTE)
        echo_once(wire)
        connection.setblocking(True)
        connection.settimeout(20)
        connection.shutdown(socket.SHUT_WR)
        received = hashlib.sha256()
        total = 0
        while data := connection.recv(16384):
            received.update(data)
            total += len(data)
            if total < MEGABYTE:
                time.sleep(0.005)
        assert received.digest() == sent.digest(), f"other bytes came back ({total})"


def send_until_blocked(connection, too_much):
    """Returns the hash of what was sent when for two seconds nothing more could be."""
    connection.setblocking(False)
    digest, total = hashlib.sha256(), 0
    while select.select([], [connection], [], 2)[1]:
        block = random.randbytes(65536)
        taken = connection.send(block)
        digest.update(block[:taken])
        total += taken
        assert total < too_much, f"nothing held back a sender of {total} bytes"
    return digest


@test
def tcp_zero_window_is_probed_open(wire):
    """The client's window stays closed for some seconds, then opens: the echo must go on."""
    with wire.kernel_socket(socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((wire.OURS, 7))
        message = random.randbytes(100000)
        sender = threading.Thread(target=connection.sendall, args=(message,), daemon=True)
        sender.start()
        time.sleep(4)
        assert receive_exactly(connection, len(message)) == message


@test
def tcp_reset_by_the_client(wire):
    for _ in range(50):
        with tcp(wire) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(random.randbytes(10000))
    echo_once(wire)


@test
def tcp_closed_with_echo_unread(wire):
    for _ in range(50):
        with tcp(wire) as connection:
            connection.sendall(random.randbytes(100000))
    echo_once(wire)


@test
def tcp_small_segments(wire):
    with wire.kernel_socket(socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
        connection.connect((wire.OURS, 7))
        echo_megabytes(connection, 1)


@test
def tcp_smaller_mtu_at_the_kernel(wire):
    wire.kernel_run("ip", "link", "set", wire.kernel_link, "mtu", "600")
    try:
        with tcp(wire) as connection:
            echo_megabytes(connection, 1)
    finally:
        wire.kernel_run("ip", "link", "set", wire.kernel_link, "mtu", "1500")


@test
def tcp_goes_on_after_the_link_was_down(wire):
    with tcp(wire) as connection:
        connection.sendall(b"before")
        assert receive_exactly(connection, 6) == b"before"
        wire.kernel_run("ip", "link", "set", wire.kernel_link, "down")
        connection.sendall(b"meanwhile")
        time.sleep(2)
        wire.kernel_run("ip", "link", "set", wire.kernel_link, "up")
        assert receive_exactly(connection, 9) == b"meanwhile"


@test
def tcp_without_options(wire):
    """A peer that knows neither window scaling nor timestamps nor SACK."""
    settings = [pathlib.Path(f"/proc/sys/net/ipv4/tcp_{name}")
                for name in ("window_scaling", "timestamps", "sack")]
    with inside(wire.namespace):
        for setting in settings:
            setting.write_text("0")
    try:
        with tcp(wire) as connection:
            echo_megabytes(connection, 5)
    finally:
        with inside(wire.namespace):
            for setting in settings:
                setting.write_text("1")


@test
def tcp_through_loss(wire):
    """Three packets in a hundred are lost, in each direction."""
    rule = "numgen random mod 100 < 3 drop"
    wire.kernel_run("nft", "add table ip lossy; "
                    "add chain ip lossy in { type filter hook prerouting priority -300; }; "
                    "add chain ip lossy out { type filter hook postrouting priority 300; }; "
                    f"add rule ip lossy in {rule}; add rule ip lossy out {rule}")
    try:
        with tcp(wire) as connection:
            echo_megabytes(connection, 2)
    finally:
        wire.kernel_run("nft", "delete table ip lossy")


@test
def tcp_through_delay_and_reordering(wire):
    with netem(wire, "delay", "3ms", "1ms", "reorder", "20%"), tcp(wire) as connection:
        echo_megabytes(connection, 2)


@test
def tcp_through_duplication_and_corruption(wire):
    with netem(wire, "duplicate", "5%", "corrupt", "1%"), tcp(wire) as connection:
        echo_megabytes(connection, 5)


@contextlib.contextmanager
def netem(wire, *how):
    """Impairs both directions of the wire, where the kernel has the means."""
    ends = (wire.kernel_run, wire.kernel_link), (run, wire.our_link)
    try:
        for where, link in ends:
            where("tc", "qdisc", "add", "dev", link, "root", "netem", *how)
    except AssertionError as error:
        raise Skip("the kernel has no netem") from error
    try:
        yield
    finally:
        for where, link in ends:
            where("tc", "qdisc", "delete", "dev", link, "root")


# ---- UDP ----


@test_everywhere
def udp_sizes(wire):
    """Empty, within a packet, fragmented, and the largest there is."""
    sizes = [*range(0, 8001, 50), 1471, 1472, 1473, 2951, 2952, 2953, 65507]
    with udp(wire) as peer:
        for size in sizes:
            message = random.randbytes(size)
            peer.send(message)
            assert peer.recv(65536) == message, f"size {size}"


@test
def udp_from_200_ports(wire):
    peers = [udp(wire) for _ in range(200)]
    for number, peer in enumerate(peers):
        peer.send(struct.pack("!I", number))
    for number, peer in enumerate(peers):
        assert peer.recv(100) == struct.pack("!I", number)
        peer.close()


@test_everywhere
def udp_closed_port_is_unreachable(wire):
    with udp(wire, CLOSED_PORT) as peer:
        peer.send(b"anyone?")
        try:
            answer = peer.recv(100)
        except ConnectionRefusedError:
            return
        raise AssertionError(f"a port nobody listens on answered {answer}")


@test
def udp_without_checksum(wire):
    SO_NO_CHECK = 11
    with udp(wire) as peer:
        peer.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        peer.send(b"no checksum")
        assert peer.recv(100) == b"no checksum"


# ---- a hostile wire ----


@test
def unknown_protocol_is_unreachable(wire):
    with inside(wire.namespace):
        icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
    with icmp, raw:
        icmp.settimeout(5)
        raw.sendto(b"what is this?", (wire.OURS, 0))
        packet = icmp.recv(2048)
    header = (packet[0] & 15) * 4
    assert packet[header:header + 2] == b"\x03\x02", f"no protocol unreachable: {packet.hex()}"


@test
def random_frames_do_no_harm(wire):
    """20,000 frames, each sound in its first bytes and random behind, and then an echo."""
    chance = random.Random(4)
    our_mac = bytes.fromhex(
        pathlib.Path(f"/sys/class/net/{wire.our_link}/address").read_text().replace(":", ""))
    with inside(wire.namespace):
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        link.bind((wire.kernel_link, 0))
    with link:
        their_mac = link.getsockname()[4]
        for _ in range(20000):
            link.send(our_mac + their_mac + random_packet(chance))
    echo_once(wire)


def random_packet(chance):
    """An EtherType and what follows; behind an IPv4 header with a good checksum mostly."""
    ethertype = chance.choice([0x0800, 0x0800, 0x0800, 0x0806, 0x8100, 0x86DD])
    payload = chance.randbytes(chance.randrange(1400))
    if ethertype != 0x0800:
        return struct.pack("!H", ethertype) + payload
    first_byte = chance.choice([0x45, 0x45, 0x45, 0x46, 0x4F, 0x44, 0x65])
    length = chance.choice([len(payload) + 20, len(payload) + 20, chance.randrange(65536)])
    fragment = chance.choice([0, 0x2000, chance.randrange(65536)])
    protocol = chance.choice([1, 4, 6, 6, 17, 17])
    header = struct.pack("!BBHHHBBH4s4s", first_byte, 0, length, chance.randrange(65536), fragment, 64,
                         protocol, 0, socket.inet_aton("10.9.0.1"), socket.inet_aton("10.9.0.2"))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return struct.pack("!H", ethertype) + header + payload


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
