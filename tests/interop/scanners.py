"""What scanners see: nmap and hping3 in the kernel's namespace look at ft-echo, which listens on port 7,
TCP and UDP. Open ports must be found open, closed ones closed, and nothing must be learnt about sequence
numbers."""

import functools
import shutil
import xml.etree.ElementTree

from kernel_client import CLOSED_PORT, echo_once
from wire import Skip, test

OPEN_PORT = 7
SEQUENCE_INDEX = 250  # nmap's SP in bits times eight, or so: above 250 it says "Good luck!"


def test_with(program):
    """Marks a test that needs a program."""
    def mark(function):
        @functools.wraps(function)
        def with_program(wire):
            if not shutil.which(program):
                raise Skip(f"needs {program}")
            function(wire)

        return test(with_program)
    return mark


def nmap(wire, *options):
    said = wire.kernel_run("nmap", "-n", "-Pn", "-T4", "-oX", "-", *options, wire.OURS)
    return xml.etree.ElementTree.fromstring(said[said.index("<?xml"):])


def scan(wire, *options):
    """Returns the state of each port that nmap lists, and how many others are in which state."""
    report = nmap(wire, *options)
    listed = {(port.get("protocol"), int(port.get("portid"))): port.find("state").get("state")
              for port in report.iter("port")}
    others = {extra.get("state"): int(extra.get("count")) for extra in report.iter("extraports")}
    return listed, others


def finds(wire, options, protocol, port_state, other_state, count=100):
    """Wants port 7 in one state and all others of `count` ports in another."""
    listed, others = scan(wire, *options, "-p", f"1-{count}")
    told = f"{listed}, others {others}"
    assert listed.pop((protocol, OPEN_PORT), None) == port_state, told
    assert set(listed.values()) <= {other_state} and set(others) <= {other_state}, told
    assert len(listed) + sum(others.values()) == count - 1, told


@test_with("nmap")
def nmap_syn_scan(wire):
    finds(wire, ["-sS"], "tcp", "open", "closed")


@test_with("nmap")
def nmap_connect_scan(wire):
    finds(wire, ["-sT"], "tcp", "open", "closed")


@test_with("nmap")
def nmap_udp_scan(wire):
    finds(wire, ["-sU"], "udp", "open", "closed", count=30)


@test_with("nmap")
def nmap_fin_null_and_xmas_scans(wire):
    """RFC 9293 3.10.7: an open port says nothing to these, a closed one resets."""
    for kind in "-sF", "-sN", "-sX":
        finds(wire, [kind], "tcp", "open|filtered", "closed")


@test_with("nmap")
def nmap_ack_scan(wire):
    """A reset from every port: nothing filters here."""
    listed, others = scan(wire, "-sA", "-p", "1-100")
    assert not listed and others == {"unfiltered": 100}, f"{listed}, {others}"


@test_with("nmap")
def nmap_protocol_scan(wire):
    """ICMP, TCP and UDP are spoken, IP in IP and the others are unreachable (RFC 1122 3.2.2.1)."""
    listed, others = scan(wire, "-sO", "-p", "1,2,4,6,17,41,47,50,132,253")
    spoken = {number for (_, number), state in listed.items() if state == "open"}
    closed = {number for (_, number), state in listed.items() if state == "closed"}
    assert spoken == {1, 6, 17}, f"{listed}, {others}"
    assert closed == {2, 4, 41, 47, 50, 132, 253}, f"{listed}, {others}"


@test_with("nmap")
def nmap_guesses_no_sequence_numbers(wire):
    """-O: its probes of odd flags, options and windows, and its judgement of our ISNs (RFC 6528)."""
    report = nmap(wire, "-O", "--max-os-tries", "1", "-v", "-p", f"{OPEN_PORT},{CLOSED_PORT}")
    sequence = next(report.iter("tcpsequence"), None)
    assert sequence is not None, xml.etree.ElementTree.tostring(report).decode()
    assert int(sequence.get("index")) >= SEQUENCE_INDEX, sequence.attrib
    numbers = [int(value, 16) for value in sequence.get("values").split(",")]
    assert len(set(numbers)) == len(numbers) >= 4, numbers
    echo_once(wire)


# ---- hping3 ----


def hping(wire, *options, count=3):
    """Returns the lines that tell of answers."""
    with_status = ["sh", "-c", 'hping3 "$@" 2>&1; exit 0', "hping3"]  # its status is 1 without answers
    said = wire.kernel_run(*with_status, "-n", "-c", str(count), "-i", "u20000", *options, wire.OURS)
    assert f"{count} packets transmitted" in said or f"{count} packets tramitted" in said, said
    return [line for line in said.splitlines() if "ip=" in line]


@test_with("hping3")
def hping_open_and_closed_ports(wire):
    for options, answer in ((["-S", "-p", "7"], "flags=SA"), (["-S", "-p", "9"], "flags=RA"),
                            (["-A", "-p", "9"], "flags=R "), (["-A", "-p", "7"], "flags=R "),
                            (["-F", "-P", "-U", "-p", "9"], "flags=RA"), (["-F", "-p", "9"], "flags=RA"),
                            (["-1"], "icmp_seq="), (["-2", "-p", "9"], "ICMP Port Unreachable"),
                            (["-2", "-p", "7", "-d", "20"], "seq=")):
        lines = hping(wire, *options)
        assert len(lines) == 3 and all(answer in line for line in lines), f"{options}: {lines}"


@test_with("hping3")
def hping_oddities_are_ignored(wire):
    """Xmas, FIN, null and SYN-FIN to an open port, resets, wrong checksums, ICMP nobody answers."""
    for options in (["-F", "-P", "-U", "-p", "7"], ["-F", "-p", "7"], ["-p", "7"], ["-S", "-F", "-p", "7"],
                    ["-R", "-p", "7"], ["-R", "-p", "9"],
                    ["-S", "-p", "7", "-b"],
                    ["-1", "-C", "17"], ["-1", "-C", "13"], ["-2", "-p", "9", "-b"]):
        lines = hping(wire, *options)
        assert not lines, f"{options}: {lines}"
    echo_once(wire)


@test_with("hping3")
def hping_half_open_connections_do_not_shut_others_out(wire):
    """2,000 SYNs from random addresses that never go on; fewer than the backlog."""
    wire.kernel_run("sh", "-c", 'hping3 "$@" 2>&1; exit 0', "hping3", "-n", "-q", "-c", "2000", "-i", "u200",
                    "-S", "-p", "7", "--rand-source", wire.OURS)
    assert wire.statistics()["tcp_passive_opens"] > 1000
    echo_once(wire)
