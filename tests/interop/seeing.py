"""What ft-ss, ft-exporter and --trace show of running applications. Each test takes a wire on which nothing of fourtuple is running
yet."""

import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request

from kernel_client import echo_megabytes, echo_once, expect_echo, receive_exactly, tcp, udp
from wire import PROGRAMS, Skip, inside, kernel_counter, run, test, test_everywhere, wait_for


def ss(*arguments):
    """The lines that ft-ss prints."""
    return run(PROGRAMS["ft-ss"], *arguments).splitlines()


def ss_json(*arguments):
    return json.loads("\n".join(ss("--json", *arguments)))


def ss_fails(*arguments):
    done = subprocess.run([PROGRAMS["ft-ss"], *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode != 0, f"exit status 0:\n{done.stdout}"
    return done.stderr


@contextlib.contextmanager
def another_echo(name):
    """A second application, without a wire."""
    echo = subprocess.Popen([PROGRAMS["ft-echo"], "--nic.device=net_ring0", "--ip.address=10.9.1.2/24",
                             "--name", name, "--tcp", "9", "--udp", "9"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        while "listening" not in (line := echo.stdout.readline()):
            assert line, "ft-echo did not start"
        yield echo
    finally:
        echo.terminate()
        echo.communicate(timeout=30)


class Watch:
    """An ft-ss --watch; what it says can be waited for."""

    def __init__(self, wire, *arguments):
        self.said = wire.directory / "watch"
        self.at = 0
        with self.said.open("w") as to:
            self.process = subprocess.Popen([PROGRAMS["ft-ss"], "--watch=0.1", *arguments], stdin=subprocess.DEVNULL,
                                            stdout=to, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(20)

    def expect(self, pattern):
        """Waits for this line behind the one found last."""
        wait_for(lambda: self.process.poll() is not None or self.found(pattern), 20)
        assert self.process.poll() is None, self.said.read_text()

    def found(self, pattern):
        at = re.compile(pattern, re.MULTILINE).search(self.said.read_text(), self.at)
        self.at = at.end() if at else self.at
        return at is not None


@contextlib.contextmanager
def exporter():
    """Runs ft-exporter at a free port of loopback, and yields a function that reads its page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen([PROGRAMS["ft-exporter"], "--listen", where], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = process.stdout.readline()
        assert where in said, said
        yield lambda path="/metrics": urllib.request.urlopen(f"http://{where}{path}", timeout=20).read().decode()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0, f"exit status {process.returncode} after SIGTERM"


def samples_of(page, application):
    """(name, other labels) to value, of one application, as Prometheus' own parser reads the page."""
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        raise Skip("python3-prometheus-client is not installed") from None
    samples = {}
    for family in text_string_to_metric_families(page):
        assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.pop("application") == application:
                key = sample.name, *labels.values()
                assert key not in samples, f"{key} is there twice"
                samples[key] = sample.value
    return samples


@test
def prometheus_reads_what_the_exporter_writes(wire):
    wire.start("--name", wire.namespace)
    with tcp(wire) as connection, exporter() as page, another_echo(f"{wire.namespace}x"):
        expect_echo(connection)
        text = page()
        found = samples_of(text, wire.namespace)
        assert found["fourtuple_up",] == 1
        assert found["fourtuple_tcp_passive_opens_total",] == 1
        assert found["fourtuple_sockets", "established"] == 1 and found["fourtuple_sockets", "listen"] == 1
        assert found["fourtuple_dropped_packets_total", "input", "ip_bad_checksum"] == 0
        assert found["fourtuple_nic_link_up",] == 1
        assert found["fourtuple_nic_rx_packets_total",] >= found["fourtuple_rx_packets_total",] > 0
        assert found["fourtuple_nic_tx_packets_total",] > 0 and found["fourtuple_nic_rx_gro_merged_total",] == 0
        bursts = "fourtuple_receive_burst_packets"
        assert found[f"{bursts}_bucket", "+Inf"] == found[f"{bursts}_count",] > found[f"{bursts}_bucket", "0"]
        assert found[f"{bursts}_sum",] <= found["fourtuple_rx_packets_total",]
        assert samples_of(text, f"{wire.namespace}x")["fourtuple_sockets", "established"] == 0
        assert "/metrics" in page("/")
        wire.program.send_signal(signal.SIGSTOP)
        try:
            found = samples_of(page(), wire.namespace)
            assert found["fourtuple_up",] == 0 and ("fourtuple_nic_link_up",) not in found, found
        finally:
            wire.program.send_signal(signal.SIGCONT)
        try:
            raise AssertionError(page("/nothing"))
        except urllib.error.HTTPError as error:
            assert error.code == 404


@test
def listeners_look_as_in_the_textbook(wire):
    wire.start("--name", wire.namespace)
    head, *lines = ss("-tulnp", "--app", wire.namespace)
    assert head.split() == "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process".split(), head
    owner = rf'users:\(\("ft-echo",pid={wire.program.pid},fd=\d+\)\) app:{wire.namespace}'
    wanted = (rf"udp +UNCONN +0 +0 +{re.escape(wire.OURS)}:7 +0\.0\.0\.0:\* +{owner} *",
              rf"tcp +LISTEN +0 +4096 +0\.0\.0\.0:7 +0\.0\.0\.0:\* +{owner} *")
    assert len(lines) == 2, lines
    for line, pattern in zip(lines, wanted):
        assert re.fullmatch(pattern, line), line
    assert any(re.search(r":echo\b", line) for line in ss("-tul", "--app", wire.namespace))


@test
def connections_are_filtered_as_by_ss(wire):
    wire.start("--name", wire.namespace)
    with tcp(wire) as first, tcp(wire) as second:
        for connection in first, second:
            expect_echo(connection)
        port = first.getsockname()[1]

        def ports(*filter):
            found = ss_json("-tan", "--app", wire.namespace, *filter)
            return sorted(socket["rport"] for socket in found)

        both = sorted([port, second.getsockname()[1]])
        assert ports("state", "established") == both
        assert ports("state", "established", "dport", "=", f":{port}") == [port]
        assert ports("state", "established", "(", "sport", "=", ":7", ")", "dst", "10.9.0.0/24") == both
        assert ports("dst", "10.8.0.0/16") == []
        assert ports("dport", "=", f":{port}", "or", "sport", "=", ":7", "and", "dport", "=", ":9") == []
        assert ports("state", "listening") == [0]
        assert ports("state", "listening", "exclude", "listening") == []
    assert "expected" in ss_fails("state", "nonsense")


@test
def details_tell_timers_and_what_tcp_knows(wire):
    wire.start("--name", wire.namespace, "--tcp.time_wait=60s")
    with tcp(wire) as connection:
        expect_echo(connection, b"x" * 3000)
        details, = ss_json("-tni", "state", "established", "--app", wire.namespace)
        assert details["mss"] == 1448 and details["cwnd"] >= 2 and details["rtt_us"] > 0, details
        assert details["bytes_acked"] == details["bytes_received"] == 3000, details
        said = "\n".join(ss("-tnoi", "state", "established", "--app", wire.namespace))
        for word in "newreno", "mss:1448", "rto:", "cwnd:", "bytes_received:3000":
            assert word in said, said


@test
def killed_connection_is_reset(wire):
    wire.start("--name", wire.namespace)
    with tcp(wire) as stays, tcp(wire) as goes:
        for connection in stays, goes:
            expect_echo(connection)
        ss("-tK", "dport", "=", f":{goes.getsockname()[1]}", "--app", wire.namespace)
        try:
            raise AssertionError(f"the client received {goes.recv(1)}, not a reset")
        except ConnectionResetError:
            pass
        expect_echo(stays, b"y")


@test
def killed_connection_with_a_shut_window_is_reset(wire):
    """The kernel takes no reset from beyond the window it has shut, where a probe has gone."""
    def is_probed():
        said = "\n".join(ss("-tnoi", "state", "established", "--app", wire.namespace))
        return "timer:(persist" in said and "unacked:1 " in said + " "

    wire.start("--name", wire.namespace)
    with wire.kernel_socket(socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((wire.OURS, 7))
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                connection.send(bytes(100000))
        wait_for(is_probed, 20)
        ss("-tK", "state", "established", "--app", wire.namespace)
        poller = select.poll()
        poller.register(connection, 0)
        events = poller.poll(5000)
        assert events and events[0][1] & select.POLLERR, f"not reset: {events}"


@test
def summary_counts_packets_drops_and_the_nic(wire):
    wire.start("--name", wire.namespace)
    echo_once(wire)
    with udp(wire, port=99) as nobody:
        nobody.send(b"anyone?")
        try:
            nobody.recv(10)
        except ConnectionRefusedError:
            pass
    said = "\n".join(ss("-s", "--app", wire.namespace))
    for pattern in r"\d+ +rx_packets", r"1 +udp_no_socket", r"1 +tcp_passive_opens":
        assert re.search(pattern, said), said
    nic = "\n".join(ss("--nic", "--app", wire.namespace))
    for pattern in r"driver +net_af_packet", r"link +up", r"rx_tcp_checksum +o(n|ff: .+)":
        assert re.search(pattern, nic), nic


def nic_cuts_segments_bytes_arrive(wire):
    """DPDK's tap has TSO, if segments leave room for the Ethernet header; the kernel receives them."""
    wire.start("--name", wire.namespace, "--nic.tso=yes", "--tcp.mss=1400")
    nic = "\n".join(ss("--nic", "--app", wire.namespace))
    assert re.search(r"tx_tso +on, in hardware", nic), nic
    with tcp(wire) as connection:
        echo_megabytes(connection, 10)


nic_cuts_segments_bytes_arrive.devices = ["tap"]


@test_everywhere
def kernel_or_software_cuts_and_merges_segments_bytes_arrive(wire):
    """No device here has TSO for segments of its MTU; where the interface is the kernel's, it does it."""
    wire.start("--name", wire.namespace, "--nic.tso=yes", "--nic.gro=yes")
    with tcp(wire) as connection:
        echo_megabytes(connection, 10)
    nic = "\n".join(ss("--nic", "--app", wire.namespace))
    is_kernels = wire.device in ("af_packet", "af_xdp")
    cut = [r"tx_tso +on, by the kernel", r"tx_tso_by_kernel +[1-9]", r"tx_tso_in_software +0"] if is_kernels \
        else [r"tx_tso +on, in software: .+", r"tx_tso_in_software +[1-9]", r"tx_tso_by_kernel +0"]
    for pattern in *cut, r"rx_gro +on, in (software|vain: .+)":
        assert re.search(pattern, nic), nic


@test
def segments_that_the_kernel_cuts_do_not_come_back(wire):
    """What the interface sends is shown to all who listen on it, and af_packet does. All that it has counts."""
    wire.start("--name", wire.namespace, "--nic.tso=yes")
    with tcp(wire) as connection:
        echo_megabytes(connection, 10)
    counted = wire.statistics()
    assert counted["eth_not_for_us"] == 0 and counted["rx_packets"] > 0, counted
    stats = ss_json("--nic", "--app", wire.namespace)[0]["nic"]["stats"]
    assert stats["tx_tso_by_kernel"] > 0 and stats["tx_bytes"] > 10 << 20, stats
    assert stats["tx_packets"] > (10 << 20) / 1448, stats


@test
def kernel_at_our_end_hears_nothing_of_ours(wire):
    """It counts what comes for addresses that it has not, which costs whoever delivers."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 6):
        raise Skip("the kernel is older than Linux 6.6")
    wire.start("--name", wire.namespace)
    before = kernel_counter("Ip", "InAddrErrors")
    for _ in range(100):
        echo_once(wire)
    heard = kernel_counter("Ip", "InAddrErrors") - before
    assert heard < 100, f"{heard} packets of at least 500"


@contextlib.contextmanager
def counting_behind_us(wire):
    """Counts what netfilter sees of frames at our end, behind our program: yields a function that tells how many."""
    run("nft", f"add table netdev {wire.namespace}; add chain netdev {wire.namespace} seen "
        f"{{ type filter hook ingress device {wire.our_link} priority 0; }}; "
        f"add rule netdev {wire.namespace} seen ip daddr {wire.OURS} counter")
    try:
        yield lambda: int(re.search(r"packets (\d+)", run("nft", "list", "table", "netdev", wire.namespace))[1])
    finally:
        run("nft", "delete", "table", "netdev", wire.namespace)


def send_tagged(wire, vlan, count):
    """IPv4 packets to our address with an IEEE 802.1Q tag, from the kernel's end."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20, 0, 0, 64, 253, 0, socket.inet_aton(wire.KERNEL),
                         socket.inet_aton(wire.OURS))
    with inside(wire.namespace), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as link:
        link.bind((wire.kernel_link, 0))
        for _ in range(count):
            link.send(b"\xff" * 6 + b"\x02" + bytes(5) + struct.pack("!HHH", 0x8100, vlan, 0x0800) + header)


@test
def kernel_at_our_end_keeps_its_vlans(wire):
    """What is of a VLAN is not ours, whatever its address; a tag that names none changes nothing."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 6):
        raise Skip("the kernel is older than Linux 6.6")
    wire.start("--name", wire.namespace)
    with counting_behind_us(wire) as count:
        echo_once(wire)
        assert count() == 0, count()
        send_tagged(wire, 20, 50)
        wait_for(lambda: count() == 50, 5)
        send_tagged(wire, 0, 50)
        echo_once(wire)
        assert count() == 50, count()


@test
def applications_are_told_apart_by_name(wire):
    wire.start("--name", wire.namespace)
    with another_echo(wire.namespace) as other:
        # The name is taken, so the second one's has its number.
        second = f"{wire.namespace}-{other.pid}"
        assert [s["lport"] for s in ss_json("-ltn", "--app", wire.namespace)] == [7]
        assert [s["lport"] for s in ss_json("-ltn", "--app", second)] == [9]
        whole = {one["app"]: one for one in ss_json("-s", "--nic")}
        assert {wire.namespace, second} <= set(whole), whole.keys()
        assert all("counters" in one["summary"] and one["nic"] and one["pid"] > 0 for one in whole.values()), whole
        said = "\n".join(ss("-ltnp"))
        assert f"pid={wire.program.pid}," in said and f"pid={other.pid}," in said, said
    assert "no application" in ss_fails("-t", "--app", second)


@test
def watch_follows_applications_that_come_and_go(wire):
    """From before the first comes until SIGINT, also past one that stands still."""
    name = f"{wire.namespace}w"
    with Watch(wire, "-tulnH", "--app", name) as watch:
        watch.expect(rf"no application called {name} is running")
        for stands_still in False, True:
            with another_echo(name) as echo:
                watch.expect(rf"^ft-ss: {name} \(ft-echo, pid {echo.pid}\) has come$")
                watch.expect(r"^udp .*\ntcp +LISTEN .*:9 .*\n\n")
                if stands_still:
                    echo.send_signal(signal.SIGSTOP)
                    try:
                        watch.expect(rf"^ft-ss: {name} does not answer; is it stopped\?$")
                    finally:
                        echo.send_signal(signal.SIGCONT)
                watch.expect(r"^tcp +LISTEN .*:9 ")
            watch.expect(rf"^ft-ss: {name} \(ft-echo, pid {echo.pid}\) has gone$")
        watch.process.send_signal(signal.SIGINT)
        assert watch.process.wait(20) == -signal.SIGINT
        assert watch.said.read_text().count("has ") == 4, watch.said.read_text()


@test
def watched_rates_are_of_the_same_application(wire):
    """Another one that comes and goes, before it in the list, does not shift them."""
    wire.start("--name", wire.namespace)
    for _ in range(20):
        echo_once(wire)
    with Watch(wire, "-s") as watch:
        rates = rf"^{wire.namespace} .*\n(.+\n)* +20  tcp_passive_opens +0\.0/s$"
        watch.expect(rates)
        with another_echo(f"a{wire.namespace}"):
            watch.expect(rf"^a{wire.namespace} ")
            watch.expect(rates)
        watch.expect(rf"^ft-ss: a{wire.namespace} .* has gone$")
        watch.expect(rates)
        assert not re.search(r" -[0-9.]+/s", watch.said.read_text()), watch.said.read_text()


@contextlib.contextmanager
def nobody(wire):
    """Yields what starts a program as nobody, with a runtime directory of its own, which must be empty at the end."""
    runtime = wire.directory / "runtime"
    runtime.mkdir(mode=0o700)
    shutil.chown(runtime, 65534, 65534)

    def start(name, *arguments):
        program = wire.directory / name  # where nobody can reach it
        if not program.exists():
            shutil.copy(PROGRAMS[name], program)
        return subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, *arguments],
                                cwd="/", env={"XDG_RUNTIME_DIR": str(runtime)}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield start
    assert not [*(runtime / "dpdk").iterdir()], [*(runtime / "dpdk").iterdir()]


@test
def without_root_everything_is_seen_as_well(wire):
    device = "--nic.device=net_ring0", "--ip.address=10.9.1.2/24"
    with nobody(wire) as start:
        _, said = start("ft-echo", *device).communicate(timeout=30)
        assert "Permission denied; run as root, or choose" in said, said
        echo = start("ft-echo", *device, "--tcp", "1024", "--udp", "1024")
        try:
            while "listening" not in (line := echo.stdout.readline()):
                assert line, echo.stderr.read()
            said, _ = start("ft-ss", "-tulnpH").communicate(timeout=30)
            assert len(said.splitlines()) == 2 and said.count(f"pid={echo.pid}") == 2, said
        finally:
            echo.terminate()
            echo.communicate(timeout=30)
        assert echo.returncode == 0


@contextlib.contextmanager
def telemetry_door(name):
    """Where an application called `name` is asked; yields the socket that listens there."""
    directory = pathlib.Path("/var/run/dpdk", name)
    directory.mkdir()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(str(directory / "dpdk_telemetry.v2"))
            door.listen()
            yield door
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def silent_application(name):
    """Something called `name` that answers nobody; yields what tells whether it was asked."""
    with telemetry_door(name) as door:
        yield lambda: bool(select.select([door], [], [], 0)[0])


@test
def one_application_is_asked_without_the_others(wire):
    """One that is stopped would hold up the answer of the one that is asked for."""
    wire.start("--name", wire.namespace)
    with silent_application(f"a{wire.namespace}") as was_asked:
        assert len(ss("-ltnH", "--app", wire.namespace)) == 1
        assert not was_asked()
        assert "stopped" in ss_fails("-ltn")
        assert was_asked()


@test
def stopped_applications_share_the_patience(wire):
    """Prometheus waits for ten seconds: however many are stopped, the others are told of by then."""
    wire.start("--name", wire.namespace)
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(exporter())
        for number in range(4):
            stack.enter_context(silent_application(f"a{number}{wire.namespace}"))
        begun = time.monotonic()
        found = samples_of(page(), wire.namespace)
        assert time.monotonic() - begun < 8
        assert found["fourtuple_up",] == 1


def list_five_connections_and_end(door, name):
    socket_of = {"proto": "tcp", "state": "ESTABLISHED", "local": "10.9.0.2", "lport": 7, "remote": "10.9.0.1"}
    page = {str(number): {**socket_of, "rport": 40000 + number} for number in range(5)}
    link, _ = door.accept()
    with link:
        link.send(json.dumps({"version": "none", "pid": os.getpid(), "max_output_len": 16384}).encode())
        for answer in {"name": name, "program": "none", "pid": os.getpid()}, {"next": 0, **page}:
            command = link.recv(1024).decode().split(",")[0]
            link.send(json.dumps({command: answer}).encode())
        link.recv(1024)


@test
def application_that_ends_while_asked_is_told_of_once(wire):
    """Of five connections to be reset it has not come to the first."""
    name = f"{wire.namespace}e"
    with telemetry_door(name) as door:
        application = threading.Thread(target=list_five_connections_and_end, args=(door, name), daemon=True)
        application.start()
        said = ss_fails("-tKn", "--app", name, "state", "all")
        application.join(20)
    assert said.count("no answer") == len(said.splitlines()) == 1, said


@test
def application_that_stands_still_is_said_to(wire):
    wire.start("--name", wire.namespace)
    wire.program.send_signal(signal.SIGSTOP)
    try:
        command = PROGRAMS["ft-ss"], "-t", "--app", wire.namespace
        # The kernel lets the first of them in, and has the others wait at the door.
        asking = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True) for _ in range(5)]
        for process in asking:
            _, said = process.communicate(timeout=60)
            assert process.returncode == 1 and "stopped" in said, said
        with another_echo(f"{wire.namespace}x"):
            assert "stopped" in ss_fails("-ltn")  # a list that is not whole
    finally:
        wire.program.send_signal(signal.SIGCONT)
    assert ss("-ltn", "--app", wire.namespace)


@test
def killed_application_leaves_nothing_that_disturbs(wire):
    wire.start("--name", wire.namespace)
    wire.program.kill()
    wire.program.wait(20)
    assert "no application" in ss_fails("-t", "--app", wire.namespace)
    wire.start("--name", wire.namespace)
    assert len(ss("-ltnH", "--app", wire.namespace)) == 1
    wire.stop()
    assert not pathlib.Path("/var/run/dpdk", wire.namespace).exists()


@test
def listing_goes_on_without_packet_buffers(wire):
    """A client that reads nothing lets the echo fill all that its connections may hold."""
    wire.start("--name", wire.namespace, "--memory.packets=2100", "--tcp.send_buffer=8M",
               "--tcp.receive_buffer=8M")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(tcp(wire)) for _ in range(4)]
        for client in clients:
            client.setblocking(False)
        for _ in range(2000):
            _, writable, _ = select.select([], clients, [], 1)
            if not writable:
                break
            for client in writable:
                with contextlib.suppress(BlockingIOError):
                    client.send(b"x" * 65536)
        assert not writable, "nothing holds the senders back"
        assert any("receive_memory" in line for line in ss("-s", "--app", wire.namespace))
        assert len(ss("-tnH", "state", "established", "--app", wire.namespace)) == 4


@test
def listing_thousands_while_packets_are_answered(wire):
    count = 4000
    wire.start("--name", wire.namespace)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(tcp(wire)) for _ in range(count)]
        listing = subprocess.Popen([PROGRAMS["ft-ss"], "-tnH", "state", "established", "--app", wire.namespace],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for connection in connections[:200]:
            expect_echo(connection)
        listed, _ = listing.communicate(timeout=60)
        assert len(listed.splitlines()) == count, len(listed.splitlines())
        # With details fewer fit one of DPDK's answers.
        assert len(ss_json("-tni", "state", "established", "--app", wire.namespace)) == count


@test
def telemetry_socket_answers_others_as_well(wire):
    """What dpdk-telemetry.py does: one command, one answer in JSON, at the well-known socket."""
    wire.start("--name", wire.namespace)
    echo_once(wire)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(20)
        link.connect(f"/var/run/dpdk/{wire.namespace}/dpdk_telemetry.v2")
        hello = json.loads(link.recv(1024))
        assert hello["pid"] == wire.program.pid, hello

        def ask(command):
            link.send(command.encode())
            return json.loads(link.recv(hello["max_output_len"]))[command.split(",")[0]]

        assert ask("/fourtuple/info")["name"] == wire.namespace
        assert ask("/fourtuple/counters")["tcp_passive_opens"] == 1
        assert ask("/fourtuple/states")["listen"] == 1
        assert sum(ask("/fourtuple/bursts").values()) > 0
        assert {"input", "late", "output"} <= set(ask("/fourtuple/drops"))
        assert "error" in ask("/fourtuple/sockets,nonsense")
        assert "error" in ask("/fourtuple/reset,1,2")
        page = ask("/fourtuple/sockets,0")
        assert page["next"] == 0 and len(page) >= 3, page


@test
def dpdks_own_tool_sees_the_same(wire):
    if shutil.which("dpdk-telemetry.py") is None:
        raise Skip("dpdk-telemetry.py is not installed (Debian's dpdk-dev)")
    wire.start("--name", wire.namespace)
    with tcp(wire) as connection:
        port = connection.getsockname()[1]
        expect_echo(connection)
        done = subprocess.run(["dpdk-telemetry.py", "-f", wire.namespace], capture_output=True, text=True,
                              input="/fourtuple/sockets,0\n/fourtuple/states\n", timeout=30)
    sockets, states = (json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"/fourtuple'))
    ports = {socket["rport"] for socket in sockets["/fourtuple/sockets"].values() if isinstance(socket, dict)}
    assert port in ports, done.stdout
    assert states["/fourtuple/states"]["established"] == 1, done.stdout


# In this order, with other lines between. {} is the kernel's port.
STORY = (
    r"eth #\d+ frame of \d+ bytes from .+, EtherType 0x0800",
    r"ip #\d+ 10\.9\.0\.1 -> 10\.9\.0\.2, protocol 6, TTL \d+; header checksum verified in software",
    r"tcp #\d+ segment port {} -> 7: SYN, SEQ \d+, window \d+, MSS 1460, window scale \d+, timestamps, 0 bytes; .+",
    r"demux #\d+ hash 0x[0-9a-f]+: bucket \d+ of \d+, .+; none is its connection",
    r"demux #\d+ port 7: fd \d+ listens there, bound to 0\.0\.0\.0:7",
    r"tcp #\d+ 10\.9\.0\.2:7 10\.9\.0\.1:{} LISTEN -> SYN-RECEIVED",
    r"tcp 10\.9\.0\.2:7 -> 10\.9\.0\.1:{} sends SYN ACK, SEQ ISS\+0, ACK IRS\+1, .+",
    r"timer 10\.9\.0\.2:7 10\.9\.0\.1:{} retransmission timer set to \d+\.\d+ ms",
    r"tcp #\d+ 10\.9\.0\.2:7 10\.9\.0\.1:{} SYN-RECEIVED -> ESTABLISHED",
    r"socket #\d+ epoll fd \d+ woken for fd \d+",
    r"tcp #\d+ segment port {} -> 7: PSH ACK, .+, 5 bytes; .+",
    r"demux #\d+ hash .+; candidates compared: 1; connection \d+",
    r"socket 10\.9\.0\.2:7 10\.9\.0\.1:{} application reads 5 bytes",
    r"tcp 10\.9\.0\.2:7 -> 10\.9\.0\.1:{} sends PSH ACK, SEQ ISS\+1, ACK IRS\+6, .+, 5 bytes",
    r"tcp #\d+ 10\.9\.0\.2:7 10\.9\.0\.1:{} ESTABLISHED -> CLOSE-WAIT",
    r"tcp 10\.9\.0\.2:7 10\.9\.0\.1:{} CLOSE-WAIT -> LAST-ACK",
    r"tcp #\d+ 10\.9\.0\.2:7 10\.9\.0\.1:{} LAST-ACK -> CLOSED",
)


@test
def trace_tells_the_story_of_one_connection(wire):
    """From frame to socket; and nothing of the connection that the filter leaves out."""
    with tcp_bound(wire) as followed:
        port = followed.getsockname()[1]
        wire.start("--trace", "all", "--trace-tuple", f"{wire.KERNEL}:{port},{wire.OURS}:7")
        echo_once(wire)
        followed.connect((wire.OURS, 7))
        followed.sendall(b"hello")
        assert receive_exactly(followed, 5) == b"hello"
    wait_for(lambda: "LAST-ACK -> CLOSED" in wire.said(), 20)
    wire.stop()
    lines = [line.split(" ", 1)[1] for line in wire.said().splitlines() if re.match(r"\d+\.\d{9} ", line)]
    rest = iter(lines)
    for pattern in STORY:
        pattern = pattern.replace("{}", str(port))
        assert any(re.fullmatch(pattern, line) for line in rest), pattern + "\nis missing in\n" + "\n".join(lines)
    others = [line for line in lines if re.search(r"10\.9\.0\.1:\d+", line) and f"10.9.0.1:{port}" not in line]
    assert not others, others
    assert not [line for line in lines if line.startswith("arp ")], lines


@contextlib.contextmanager
def tcp_bound(wire):
    """A socket of the kernel that has its port, and no connection yet."""
    with wire.kernel_socket(socket.SOCK_STREAM) as bound:
        bound.bind((wire.KERNEL, 0))
        yield bound
