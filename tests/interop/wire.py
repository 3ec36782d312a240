"""The wire between the kernel and fourtuple, and the processes at fourtuple's end.

    with Wire("af_packet") as wire:
        wire.start("ft-echo")
        with wire.kernel_socket(socket.SOCK_STREAM) as peer:
            peer.connect((wire.OURS, 7))

The kernel's end is in a network namespace of its own. A socket belongs to the namespace it was made in,
wherever it is used later, so the tests are ordinary socket programs.
"""

import collections
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {
    "ft-echo": TOP / "build/apps/ft-echo",
    "ft-relay": TOP / "build/apps/ft-relay",
    "ft-client": TOP / "build/tests/interop/ft-client",
    "ft-exporter": TOP / "build/apps/ft-exporter",
    "ft-load": TOP / "build/apps/ft-load",
    "ft-ss": TOP / "build/apps/ft-ss",
}
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    """This test cannot be made here, and why."""


def test(function):
    """Marks a test that is made on af_packet."""
    function.devices = ["af_packet"]
    return function


def test_everywhere(function):
    """Marks a test that is made on every kind of device."""
    function.devices = ["af_packet", "af_xdp", "tap", "pcap"]
    return function


def run(*command, **options):
    """Runs a command to its end; its output is part of the exception when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, **options)
    if done.returncode != 0:
        told = f"{' '.join(map(str, command))}\nexit status {done.returncode}\n{done.stdout}"
        raise AssertionError(told)
    return done.stdout


@contextlib.contextmanager
def inside(namespace):
    """Puts the calling thread into a network namespace for a while."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        enter(there)
        yield
    finally:
        enter(home)
        os.close(home)
        os.close(there)


def kernel_counter(protocol, name):
    """One of the SNMP counters of the namespace that the calling thread is in."""
    lines = pathlib.Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, counts = [line.split()[1:] for line in lines if line.startswith(f"{protocol}: ")]
    return int(counts[names.index(name)])


def enter(namespace_fd):
    if libc.setns(namespace_fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Wire:
    OURS = "10.9.0.2"  # fourtuple's address
    KERNEL = "10.9.0.1"

    def __init__(self, device):
        """device: af_packet, af_xdp or pcap (a veth pair), or tap."""
        self.device = device
        self.namespace = f"ft{os.getpid():x}"
        self.our_link = f"{self.namespace}a"
        self.kernel_link = f"{self.namespace}b"
        self.program = None

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ft-interop-"))
        self.directory.chmod(0o755)
        try:
            run("ip", "netns", "add", self.namespace)
            self.kernel_run("ip", "link", "set", "lo", "up")
            if self.device != "tap":
                self.make_veth()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop(check=False)
        if self.device != "tap":
            subprocess.run(["ip", "link", "delete", self.our_link], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "delete", self.namespace], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory)

    # ---- the link ----

    def make_veth(self):
        run("ip", "link", "add", self.our_link, "type", "veth",
            "peer", "name", self.kernel_link, "netns", self.namespace)
        # The kernel sees fourtuple's packets too. It has no address here, and must not route them on.
        pathlib.Path(f"/proc/sys/net/ipv4/conf/{self.our_link}/forwarding").write_text("0")
        self.make_quiet(self.our_link)
        run("ip", "link", "set", self.our_link, "up")
        with inside(self.namespace):
            self.give_address(self.kernel_link)

    def give_address(self, link):
        self.make_quiet(link)
        run("ip", "address", "add", f"{self.KERNEL}/24", "dev", link)
        run("ip", "link", "set", link, "up")

    @staticmethod
    def make_quiet(link):
        """A veth leaves checksums and segmentation to hardware that it has not: what arrived would be
        nothing that a wire carries. And no IPv6 chatter, where the kernel has it."""
        ipv6 = pathlib.Path(f"/proc/sys/net/ipv6/conf/{link}/disable_ipv6")
        if ipv6.exists():
            ipv6.write_text("1")
        for feature in "tx", "rx", "tso", "gso", "gro":
            subprocess.run(["ethtool", "-K", link, feature, "off"], capture_output=True)

    def device_string(self):
        link = self.our_link
        return {
            "af_packet": f"net_af_packet0,iface={link}",
            "af_xdp": f"net_af_xdp0,iface={link}",
            "pcap": f"net_pcap0,rx_iface_in={link},tx_iface={link}",
            "tap": f"net_tap0,iface={self.kernel_link}",
        }[self.device]

    # ---- the kernel's end ----

    def kernel_socket(self, kind):
        """A socket of the kernel's end, with a time limit on all it does."""
        with inside(self.namespace):
            made = socket.socket(socket.AF_INET, kind)
        made.settimeout(20)
        return made

    def kernel_run(self, *command):
        with inside(self.namespace):
            return run(*command)

    def kernel_counter(self, protocol, name):
        """One of the SNMP counters of the kernel's end, which is also the router to a FarNamespace."""
        with inside(self.namespace):
            return kernel_counter(protocol, name)

    # ---- fourtuple's end ----

    def configuration(self):
        path = self.directory / "fourtuple.conf"
        path.write_text(f"[nic]\ndevice = {self.device_string()}\n"
                        f"[ip]\naddress = {self.OURS}/24\ngateway = {self.KERNEL}\n")
        return path

    def popen(self, program, *arguments, **options):
        command = [PROGRAMS[program], "--config", self.configuration(), *map(str, arguments)]
        if self.device != "tap":
            return subprocess.Popen(command, **options)
        # The program makes the kernel's end too, so both are in the namespace.
        with inside(self.namespace):
            process = subprocess.Popen(command, **options)
            # Soon: it must be stopped before it sends.
            wait_for(lambda: self.has_kernel_link() or process.poll() is not None, 30, pause=0.0005)
            if process.poll() is None:
                # It stands still meanwhile, or what it sends first meets a kernel without an address.
                process.send_signal(signal.SIGSTOP)
                self.give_address(self.kernel_link)
                process.send_signal(signal.SIGCONT)
            return process

    def has_kernel_link(self):
        """Seen from within the namespace."""
        with contextlib.suppress(OSError):
            return socket.if_nametoindex(self.kernel_link) > 0
        return False

    def start(self, *arguments, program="ft-echo"):
        """Starts ft-echo (or ft-relay) and waits until it listens. What it says is kept for self.said()."""
        with open(self.directory / "log", "wb") as log:
            self.program = self.popen(program, *arguments, stdin=subprocess.DEVNULL, stdout=log,
                                      stderr=subprocess.STDOUT)
        wait_for(lambda: f"{program}: listening" in self.said() or self.program.poll() is not None, 30)
        if self.program.poll() is not None:
            raise AssertionError(f"{program} ended with {self.program.returncode}:\n{self.said()}")

    def statistics(self):
        """What the program counted, and what it has in use now, by name: what SIGUSR1 makes it say. A name
        that is not there is 0."""
        already = len(self.said())
        self.program.send_signal(signal.SIGUSR1)
        wait_for(lambda: re.search(r"in use now:\n(.*\n)*.* descriptors\n", self.said()[already:]), 20)
        found = re.findall(r"^ *([0-9]+)  ([a-z0-9_]+) ", self.said()[already:], re.MULTILINE)
        return collections.Counter({name: int(count) for count, name in found})

    def said(self):
        return (self.directory / "log").read_text(errors="replace")

    def is_running(self):
        return self.program is not None and self.program.poll() is None

    def stop(self, check=True):
        """Ends ft-echo as a service manager does, and wants it to end well."""
        program, self.program = self.program, None
        if program is None:
            return
        program.send_signal(signal.SIGTERM)
        try:
            status = program.wait(20)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
            status = "none, 20 seconds after SIGTERM"
        assert not check or status == 0, f"ft-echo's exit status was {status}:\n{self.said()}"

    def client(self, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
        """Starts ft-client; finish() waits for it."""
        return self.popen("ft-client", *arguments, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)


class FarNamespace:
    """A third namespace, behind the kernel's end, which becomes a router for it:

        far, 10.9.1.1 ── ft…f ═══ ft…r ── 10.9.1.254, kernel, 10.9.0.1 ── ft…b ═══ fourtuple
    """
    ADDRESS, ROUTER = "10.9.1.1", "10.9.1.254"

    def __init__(self, wire):
        self.wire, self.namespace = wire, f"{wire.namespace}far"
        self.link, self.router_link = f"{wire.namespace}f", f"{wire.namespace}r"

    def __enter__(self):
        run("ip", "netns", "add", self.namespace)
        try:
            self.wire.kernel_run("ip", "link", "add", self.router_link, "type", "veth",
                                 "peer", "name", self.link, "netns", self.namespace)
            with inside(self.wire.namespace):
                self.set_up(self.router_link, self.ROUTER)
                pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            with inside(self.namespace):
                self.set_up(self.link, self.ADDRESS)
                run("ip", "route", "add", "default", "via", self.ROUTER)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "-n", self.wire.namespace, "link", "delete", self.router_link],
                       stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "delete", self.namespace], stderr=subprocess.DEVNULL)

    @staticmethod
    def set_up(link, address):
        Wire.make_quiet(link)
        run("ip", "address", "add", f"{address}/24", "dev", link)
        run("ip", "link", "set", link, "up")

    def socket(self, kind):
        with inside(self.namespace):
            made = socket.socket(socket.AF_INET, kind)
        made.settimeout(20)
        return made

    def set_mtu(self, mtu):
        """Of the network between router and far end."""
        self.wire.kernel_run("ip", "link", "set", self.router_link, "mtu", str(mtu))
        with inside(self.namespace):
            run("ip", "link", "set", self.link, "mtu", str(mtu))


def finish(process, status=0, seconds=60):
    """Waits for a process, wants that exit status, returns what it wrote to (output, errors)."""
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    errors = errors.decode(errors="replace")
    assert process.returncode == status, f"exit status {process.returncode}, not {status}:\n{errors}"
    return output, errors


def wait_for(condition, seconds, pause=0.02):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} seconds for nothing")
        time.sleep(pause)
