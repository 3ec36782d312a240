"""A station on the wire that no kernel speaks for: what it sends is made of scapy's layers, byte by byte
if need be, and what fourtuple sends is caught as it is.

    @test_with_stranger
    def tcp_ack_to_closed_port(stranger):
        answers = stranger.answers(stranger.ip() / TCP(sport=40000, dport=9, flags="A", ack=7))

It has an address and a MAC address of its own, and answers ARP, so that the kernel at this end keeps out
of it. Nothing is waited for by the clock: answers() sends the oddity, then three echo requests one after
the other, and returns what fourtuple sent before the last one's reply. Each is received in a later turn of
fourtuple's loop than the reply before it was sent in. So in the second's turn is paid at the latest what
the oddity made the stack owe and what ft-echo has to say to it, and that is sent before the third's reply.
"""

import functools
import itertools
import pathlib
import socket
import time

from wire import Skip, inside, test

try:
    from scapy.config import conf
    conf.ipv6_enabled = False
    from scapy.layers.inet import ICMP, IP
    from scapy.layers.l2 import ARP, Ether
    HAS_SCAPY = True
except ImportError:  # the tests are listed nevertheless, and skipped
    HAS_SCAPY = False

BROADCAST = "ff:ff:ff:ff:ff:ff"
ETH_P_ALL = 3
ECHO_ID = 0x6666
NUMBERS = itertools.cycle(range(66, 200))  # a test's own: what is still sent to another concerns nobody
SECONDS = 10  # for an echo reply to come, however busy the machine


def test_with_stranger(function):
    """Marks a test that takes a Stranger on the wire instead of the wire."""
    @functools.wraps(function)
    def with_stranger(wire):
        with Stranger(wire) as stranger:
            function(stranger)

    return test(with_stranger)


class Stranger:
    def __init__(self, wire):
        if not HAS_SCAPY:
            raise Skip("needs python3-scapy")
        number = next(NUMBERS)
        self.wire, self.address, self.mac = wire, f"10.9.0.{number}", f"02:00:5e:00:00:{number:02x}"
        self.our_mac = pathlib.Path(f"/sys/class/net/{wire.our_link}/address").read_text().strip()
        with inside(wire.namespace):
            self.link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.link.bind((wire.kernel_link, 0))
        self.echoes = 0
        # Whoever asks for an address is remembered: no ARP stands before the answers then.
        self.send(ARP(op="who-has", hwsrc=self.mac, psrc=self.address, pdst=wire.OURS), BROADCAST)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def ip(self, **fields):
        """An IP header from this station to fourtuple, but for the fields given."""
        return IP(**({"src": self.address, "dst": self.wire.OURS} | fields))

    def send(self, packet, to=None):
        """Sends a packet in a frame to fourtuple or another MAC address, or a frame as it is."""
        if not packet.haslayer(Ether):
            packet = Ether(src=self.mac, dst=to or self.our_mac) / packet
        self.link.send(bytes(packet))

    def next_frame(self, until):
        """The next frame fourtuple sends, or None when that time comes first. It is told our MAC address
        if it asks."""
        while (left := until - time.monotonic()) > 0:
            self.link.settimeout(left)
            try:
                frame = Ether(self.link.recv(65536))
            except TimeoutError:
                return None
            if frame.src != self.our_mac:
                continue
            if ARP not in frame or frame[ARP].op != 1 or frame[ARP].pdst != self.address:
                return frame
            self.send(ARP(op="is-at", hwsrc=self.mac, psrc=self.address, hwdst=self.our_mac,
                          pdst=self.wire.OURS))
        return None

    def until_echo(self):
        """Sends an echo request and returns the frames that came before its reply."""
        self.echoes += 1
        self.send(self.ip() / ICMP(type=8, id=ECHO_ID, seq=self.echoes))
        before, until = [], time.monotonic() + SECONDS
        while frame := self.next_frame(until):
            icmp = frame.getlayer(ICMP)
            if icmp and (icmp.type, icmp.id, icmp.seq) == (0, ECHO_ID, self.echoes):
                return before
            before.append(frame)
        raise AssertionError("fourtuple no longer answers an echo request")

    def frames(self, *packets, to=None):
        """Sends, and returns every frame that fourtuple sent meanwhile."""
        self.until_echo()
        for packet in packets:
            self.send(packet, to)
        return self.until_echo() + self.until_echo() + self.until_echo()

    def answers(self, *packets, to=None):
        """Sends, and returns the IP packets that fourtuple sent to those whom the packets were from, and to
        us. (What it repeats to others, like a SYN-ACK to one who went away, is not among them.)"""
        concerned = {self.address} | {packet[IP].src for packet in packets if IP in packet}
        return [frame[IP] for frame in self.frames(*packets, to=to)
                if IP in frame and frame[IP].dst in concerned]

    def answer(self, *packets, to=None):
        """The same, where exactly one answer is expected."""
        answers = self.answers(*packets, to=to)
        assert len(answers) == 1, f"expected one answer, got {told(answers)}"
        return answers[0]

    def is_ignored(self, *packets, to=None):
        """Wants each packet, sent alone, to be answered by nothing."""
        for packet in packets:
            answers = self.answers(packet, to=to)
            assert not answers, f"{packet.summary()} was answered by {told(answers)}"


def told(packets):
    return "; ".join(packet.summary() for packet in packets) or "none"
