"""How ft-echo starts, what it says when it cannot, and how it ends. Each test takes a wire on which
nothing of fourtuple is running yet."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

from kernel_client import echo_once, tcp, udp
from wire import PROGRAMS, Skip, finish, test, wait_for


def start_plain(*arguments):
    """ft-echo on a device of its own, with no file."""
    return subprocess.Popen([PROGRAMS["ft-echo"], "--ip.address=10.9.0.2/24", *arguments],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def refuses(process, *words):
    """Wants a process to end with an error that is told in a sentence with these words in it."""
    output, errors = process.communicate(timeout=30)
    said = (output + errors).decode(errors="replace")
    assert 0 < process.returncode < 128, f"exit status {process.returncode}:\n{said}"
    sentences = [line for line in said.splitlines() if all(word in line for word in words)]
    assert sentences, f"no line with {words} in:\n{said}"


@test
def standard_descriptors_closed(wire):
    """Nothing that is opened on the way takes their place, so that what is printed goes nowhere."""
    process = wire.popen("ft-echo", preexec_fn=lambda: os.closerange(0, 3))
    try:
        wait_for(lambda: echo_answers(wire) or process.poll() is not None, 30)
        assert process.poll() is None, process.returncode
        for number in range(3):
            assert os.readlink(f"/proc/{process.pid}/fd/{number}") == "/dev/null"
        process.send_signal(signal.SIGUSR1)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()


def echo_answers(wire):
    with contextlib.suppress(OSError, AssertionError):
        echo_once(wire)
        return True
    return False


# ---- devices ----


@test
def device_bad_string(wire):
    refuses(start_plain("--nic.device=no_such_driver"), "no_such_driver")


@test
def device_missing_interface(wire):
    refuses(start_plain("--nic.device=net_af_packet0,iface=ftnone"), "ftnone")


@test
def device_missing(wire):
    refuses(start_plain(), "nic.device")


@test
def device_absent_pci_address(wire):
    refuses(start_plain("--nic.device=0000:ff:1f.7"), "0000:ff:1f.7")


@test
def without_privileges(wire):
    """As nobody, with a program that nobody can reach."""
    program = wire.directory / "ft-echo"
    shutil.copy(PROGRAMS["ft-echo"], program)
    program.chmod(0o755)
    wire.configuration().chmod(0o644)
    refuses(subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                              program, "--config", wire.configuration()], cwd="/",
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE),
            "root")


@test
def devices_without_a_wire(wire):
    """Those that go nowhere come up, and end when they are told to."""
    memif = f"net_memif0,role=server,socket={wire.directory}/memif,socket-abstract=no"
    for device in "net_null0", "net_ring0", memif:
        process = start_plain(f"--nic.device={device}")
        time.sleep(2)
        assert process.poll() is None, f"{device}: {process.communicate()[1].decode()}"
        process.send_signal(signal.SIGTERM)
        finish(process, seconds=20)


# ---- configuration ----


@test
def configuration_mistakes_name_file_and_line(wire):
    path = wire.directory / "mistakes.conf"
    for line, section, text in ((4, "tcp", "no_such_key = 1"), (4, "tcp", "ephemeral_ports = 70000"),
                                (4, "ip", "address = 10.9.0.256/24"), (4, "log", "level = loud")):
        path.write_text(f"[nic]\ndevice = net_null0\n[{section}]\n{text}\n")
        process = subprocess.Popen([PROGRAMS["ft-echo"], "--config", path], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        refuses(process, f"{path}:{line}", text.split()[0])


@test
def configuration_missing_file(wire):
    refuses(subprocess.Popen([PROGRAMS["ft-echo"], "--config", "/no/such/file"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE),
            "/no/such/file")


# ---- ports ----


@test
def second_bind_of_a_port(wire):
    refuses(start_plain("--nic.device=net_null0", "--tcp", "7", "--tcp", "7"),
            "Address already in use")
    refuses(start_plain("--nic.device=net_null0", "--udp", "7", "--udp", "7"),
            "Address already in use")


@test
def ports_of_tcp_and_udp_are_separate(wire):
    wire.start("--tcp", "1007", "--tcp", "1008", "--udp", "1008", "--udp", "1009")
    with udp(wire, 1009) as peer:
        peer.send(b"here")
        assert peer.recv(100) == b"here"
    wire.stop()


# ---- the end, and what is left ----


@test
def sigterm_and_sigint_end_it_well(wire):
    for number in signal.SIGTERM, signal.SIGINT:
        wire.start()
        echo_once(wire)
        wire.program.send_signal(number)
        assert wire.program.wait(20) == 0, wire.said()


@test
def sigterm_while_echoes_are_unread(wire):
    """ft-echo keeps what its peer does not take: a leak in a build with the address sanitizer, if that is
    not freed."""
    wire.start()
    with tcp(wire) as connection:
        connection.settimeout(2)
        with contextlib.suppress(TimeoutError):
            while True:
                connection.sendall(bytes(100000))
        wire.stop()


@test
def sigterm_while_it_starts_leaves_nothing(wire):
    directory = pathlib.Path("/run/dpdk", wire.namespace)
    process = start_plain("--nic.device=net_ring0", "--name", wire.namespace)
    wait_for(lambda: directory.exists() or process.poll() is not None, 20, pause=0.0005)
    process.send_signal(signal.SIGTERM)
    finish(process, seconds=20)
    assert not directory.exists()


@test
def statistics_on_sigusr1(wire):
    wire.start()
    echo_once(wire)
    before = len(wire.said().splitlines())
    wire.program.send_signal(signal.SIGUSR1)
    wait_for(lambda: len(wire.said().splitlines()) > before, 10)
    echo_once(wire)
    wire.stop()


@test
def twice_on_the_same_link(wire):
    for _ in range(3):
        wire.start()
        echo_once(wire)
        wire.stop()


@test
def memory_stays_bounded(wire):
    """5,000 connections one after another, and then no more memory than after the first 500."""
    wire.start()
    for _ in range(500):
        echo_once(wire)
    before = resident_kilobytes(wire.program.pid)
    for _ in range(4500):
        echo_once(wire)
    after = resident_kilobytes(wire.program.pid)
    wire.stop()
    assert after < before * 1.1 + 1024, f"resident memory grew from {before} to {after} KB"


def resident_kilobytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


# ---- memory ----


@test
def with_hugepages(wire):
    """Reserves 256 MB of huge pages while it runs, and gives them back."""
    setting = pathlib.Path("/proc/sys/vm/nr_hugepages")
    before = setting.read_text()
    try:
        setting.write_text(str(int(before) + 128))
        if int(setting.read_text()) < int(before) + 128:
            raise Skip("the kernel has not so many huge pages to give")
        wire.start()
        echo_once(wire)
        wire.stop()
    finally:
        setting.write_text(before)


@test
def leaves_no_files(wire):
    def files():
        patterns = "dev/hugepages/*", "run/dpdk/*", "run/ft*", "tmp/ft*", "tmp/rte*", "sys/fs/bpf/*"
        return {path for pattern in patterns for path in pathlib.Path("/").glob(pattern)}

    before = files()
    wire.start()
    wire.stop()
    assert files() <= before, f"left behind: {files() - before}"
