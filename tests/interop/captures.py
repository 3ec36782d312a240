"""What ft-echo --capture writes, read by tshark. Each test takes a wire on which nothing of fourtuple is
running yet."""

import os
import pathlib
import re
import shutil
import socket
import time

from kernel_client import checksum, echo_once, expect_echo, receive_exactly, tcp
from start_stop import refuses, start_plain
from wire import Skip, inside, run, test, wait_for


def frames_of(path, *fields):
    """The fields of each frame, a list for each; and nothing in it may be malformed to tshark."""
    if shutil.which("tshark") is None:
        raise Skip("tshark is not installed")
    options = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    wanted = [word for field in fields for word in ("-e", field)]
    said = run("tshark", "-n", "-r", path, *options, "-T", "fields", "-E", "separator=|", *wanted)
    return [line.split("|") for line in said.splitlines() if not line.startswith("Running as")]


def send_frame_with_bad_checksum(wire):
    our_mac = bytes.fromhex(
        pathlib.Path(f"/sys/class/net/{wire.our_link}/address").read_text().replace(":", ""))
    with inside(wire.namespace):
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        link.bind((wire.kernel_link, 0))
    header = bytes.fromhex("4500001c000000004011") + b"\xba\xad" + socket.inet_aton(wire.KERNEL)
    with link:
        link.send(our_mac + link.getsockname()[4] + b"\x08\x00" + header + socket.inet_aton(wire.OURS) +
                  bytes.fromhex("1234000700080000"))


def lose_the_answer_for_a_while(wire):
    with tcp(wire) as connection:
        connection.sendall(b"first")
        assert receive_exactly(connection, 5) == b"first"
        wire.kernel_run("nft", "add table ip lossy; "
                        "add chain ip lossy in { type filter hook prerouting priority -300; }; "
                        "add rule ip lossy in tcp sport 7 drop")
        try:
            connection.sendall(b"second")
            time.sleep(1.0)
        finally:
            wire.kernel_run("nft", "delete table ip lossy")
        assert receive_exactly(connection, 6) == b"second"


@test
def drops_and_retransmissions_have_comments(wire):
    path = wire.directory / "wire.pcapng"
    wire.start("--capture", path)
    began = time.time()
    send_frame_with_bad_checksum(wire)
    lose_the_answer_for_a_while(wire)
    wire.stop()
    frames = frames_of(path, "frame.time_epoch", "frame.packet_flags_direction", "ip.src", "ip.checksum.status",
                       "tcp.checksum.status", "tcp.len", "_ws.malformed", "frame.comment")
    comments = [frame[7] for frame in frames]
    assert comments.count("ip_bad_checksum: IPv4 header checksum wrong") == 1, comments
    assert comments.count("retransmission after a timeout, no. 1") == 1, comments
    assert comments.count("retransmission after a timeout, no. 2") == 1, comments
    for seen, direction, source, ip_status, tcp_status, length, malformed, comment in frames:
        assert began - 60 < float(seen) < time.time() + 60, seen
        assert source == "" or int(direction, 0) == (2 if source == wire.OURS else 1), (direction, source)
        assert (ip_status == "0") == comment.startswith("ip_bad_checksum"), (ip_status, comment)
        assert tcp_status in ("", "1") and malformed == "", (tcp_status, malformed)
        assert not comment.startswith("retransmission") or length == "6", (length, comment)


@test
def file_can_be_followed(wire):
    path = wire.directory / "wire.pcapng"
    wire.start("--capture", path)
    echo_once(wire)
    wait_for(lambda: len(frames_of(path, "tcp.flags")) >= 7, 20)


@test
def reader_of_a_pipe_that_goes_ends_the_capture_alone(wire):
    path = wire.directory / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        wire.start("--capture", path)
        wait_for(lambda: echo_once(wire) or os.read(reader, 4) == b"\n\r\r\n", 20)
    finally:
        os.close(reader)
    wait_for(lambda: echo_once(wire) or "the capture ends here: Broken pipe" in wire.said(), 20)
    wire.stop()


@test
def full_disk_ends_the_capture_alone(wire):
    wire.start("--capture", "/dev/full")
    wait_for(lambda: "the capture ends here: No space left on device" in wire.said(), 20)
    echo_once(wire)
    wire.stop()


@test
def full_disk_leaves_what_tshark_can_read(wire):
    disk = wire.directory / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk)
    try:
        wire.start("--capture", disk / "wire.pcapng")
        with tcp(wire) as connection:
            expect_echo(connection, bytes(100_000))
        wait_for(lambda: "the capture ends here: No space left on device" in wire.said(), 20)
        wire.stop()
        assert re.search(r"the capture lacks \d+ frames of \d+", wire.said()), wire.said()
        assert len(frames_of(disk / "wire.pcapng", "tcp.flags")) > 20
    finally:
        wire.stop(check=False)
        run("umount", disk)


@test
def file_that_cannot_be_made_is_named(wire):
    for path in "/nowhere/wire.pcapng", "-":
        refuses(start_plain("--nic.device=net_ring0", f"--capture={path}"), "capture: ")
