"""DPDK's own capture program, attached to a running stack. Needs hugepages, which are reserved meanwhile. Each
test takes a wire on which nothing of fourtuple is running yet."""

import contextlib
import pathlib
import shutil
import signal
import subprocess

from captures import frames_of
from kernel_client import echo_once
from start_stop import refuses, start_plain
from wire import Skip, run, test, wait_for

RESERVED = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
FREE = RESERVED.with_name("free_hugepages")
PAGES = 160  # of 2 MB, for two small applications
SMALL = "--memory.packets=4096", "--nic.dumpcap=yes"


@contextlib.contextmanager
def hugepages(wire, pages=PAGES):
    """So many free ones, and a file system of them if there is none. Yields the directory."""
    if not RESERVED.exists():
        raise Skip("this kernel has no huge pages of 2 MB")
    before, mounted = RESERVED.read_text(), None
    try:
        missing = pages - int(FREE.read_text())
        if missing > 0:
            RESERVED.write_text(str(int(before) + missing))
        if int(FREE.read_text()) < pages:
            raise Skip(f"the kernel has no {pages} huge pages to give")
        directory = hugetlbfs()
        if directory is None:
            directory = mounted = wire.directory / "huge"
            mounted.mkdir(exist_ok=True)
            run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", mounted)
        yield directory
    finally:
        wire.stop(check=False)
        if mounted is not None:
            subprocess.run(["umount", mounted], check=False)
        RESERVED.write_text(before)


def hugetlbfs():
    mounts = (line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines())
    return next((pathlib.Path(where) for _, where, kind, options, *_ in mounts
                 if kind == "hugetlbfs" and "pagesize=2M" in options), None)


def left_behind(wire, directory):
    """Files of hugepages, and runtime directories, of applications of this test's name."""
    return [*directory.glob(f"{wire.namespace}*map_*"), *pathlib.Path("/run/dpdk").glob(f"{wire.namespace}*")]


@contextlib.contextmanager
def dumpcap(wire, path):
    """Attached, until the block ends."""
    if shutil.which("dpdk-dumpcap") is None:
        raise Skip("dpdk-dumpcap is not installed (Debian's dpdk-dev)")
    log = wire.directory / "dumpcap.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(["dpdk-dumpcap", f"--file-prefix={wire.namespace}", "-p", "-i", "0", "-w", path],
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        # The file begins when it is attached; what comes then is captured.
        wait_for(lambda: (path.exists() and path.stat().st_size > 0) or process.poll() is not None, 30)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def seen_in(path):
    """(source, what) of each packet that tshark finds in the file, and all of them are well-formed."""
    found = set()
    for source, icmp, flags, length, malformed in frames_of(path, "ip.src", "icmp.type", "tcp.flags.str", "tcp.len",
                                                            "_ws.malformed"):
        assert malformed == "", (source, icmp, flags)
        found |= {(source, f"icmp {icmp}")} if icmp else set()
        found |= {(source, f"{length} bytes")} if length else set()
        found |= {(source, flag) for flag in "SF" if flag in flags}
    return found


def ping(wire):
    assert "1 received" in wire.kernel_run("ping", "-c", "1", "-W", "5", wire.OURS)


@test
def dumpcap_sees_the_conversation_and_nothing_is_left(wire):
    path = wire.directory / "wire.pcapng"
    with hugepages(wire) as directory:
        free = FREE.read_text()
        wire.start("--name", wire.namespace, *SMALL)
        assert list(directory.glob(f"{wire.namespace}map_*"))
        with dumpcap(wire, path):
            # It writes the head of its file before it has attached.
            wait_for(lambda: ping(wire) or (wire.OURS, "icmp 0") in seen_in(path), 20)
            echo_once(wire)
            wait_for(lambda: {(wire.KERNEL, "F"), (wire.OURS, "F")} <= seen_in(path), 20)
        wanted = {(end, what) for end in (wire.KERNEL, wire.OURS) for what in ("S", "F", "13 bytes")}
        wanted |= {(wire.KERNEL, "icmp 8"), (wire.OURS, "icmp 0")}
        assert wanted <= seen_in(path), seen_in(path)
        echo_once(wire)
        wire.stop()
        assert not left_behind(wire, directory), left_behind(wire, directory)
        assert FREE.read_text() == free


@test
def killed_run_is_cleared_away_by_the_next(wire):
    with hugepages(wire) as directory:
        free = FREE.read_text()
        wire.start("--name", wire.namespace, *SMALL)
        second = start_plain("--nic.device=net_null0", "--name", wire.namespace, *SMALL)
        numbered = pathlib.Path("/run/dpdk", f"{wire.namespace}-{second.pid}")
        try:
            while b"listening" not in (line := second.stdout.readline()):
                assert line, second.stderr.read().decode()
            assert (numbered / "config").exists()
        finally:
            second.kill()
            second.communicate()
        wire.program.kill()
        wire.program.wait(20)
        assert len(left_behind(wire, directory)) >= 4, left_behind(wire, directory)
        # One that shares nothing clears away as well.
        wire.start("--name", wire.namespace)
        assert left_behind(wire, directory) == [pathlib.Path("/run/dpdk", wire.namespace)]
        wire.stop()
        assert not left_behind(wire, directory), left_behind(wire, directory)
        assert FREE.read_text() == free


@test
def sigint_clears_away_too(wire):
    with hugepages(wire) as directory:
        wire.start("--name", wire.namespace, *SMALL)
        wire.program.send_signal(signal.SIGINT)
        assert wire.program.wait(20) == 0, wire.said()
        assert not left_behind(wire, directory), left_behind(wire, directory)


@test
def what_cannot_be_is_said(wire):
    """More packets than there are hugepages, and options of DPDK that say the opposite."""
    refuses(start_plain("--nic.device=net_null0", "--nic.dumpcap=yes", "--memory.packets=8000000"),
            "dumpcap", "dpdk-hugepages.py --setup")
    for option in "--no-huge", "--in-memory", "--no-shconf", "--file-prefix=other":
        refuses(start_plain("--nic.device=net_null0", "--nic.dumpcap=yes", "--eal", option),
                "dumpcap", option.split("=")[0])
