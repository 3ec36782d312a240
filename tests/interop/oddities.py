"""What no orderly host sends, made by scapy, and what fourtuple must say to it: mostly nothing (RFC 1122,
RFC 9293 3.10.7). Each test takes a Stranger on a wire whose ft-echo is listening on port 7, TCP and UDP.

An answer that is missing proves something only when the same packet without the oddity is answered: the
first test of each part is that ordinary packet."""

import contextlib
import random
import socket
import struct

from kernel_client import CLOSED_PORT, checksum, echo_once
from stranger import BROADCAST, test_with_stranger, told

with contextlib.suppress(ImportError):  # then there is no Stranger, and each test is skipped
    from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
    from scapy.layers.l2 import ARP, Dot1Q, Ether, LLC
    from scapy.packet import Raw

OPEN_PORT = 7
ISS = 1000
MARTIANS = "10.9.0.255", "255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", "240.0.0.1", "10.9.0.2"
GROUPS = "10.9.0.255", "255.255.255.255", "224.0.0.1"
FIN, SYN, RST, ACK = 1, 2, 4, 16


def segment(flags, port=OPEN_PORT, **fields):
    """A TCP header from a new port of ours."""
    return TCP(sport=random.randrange(1024, 65536), dport=port, flags=flags, **({"seq": ISS} | fields))


def echo_request(**fields):
    return ICMP(**({"type": 8, "id": 1, "seq": 1} | fields)) / Raw(b"anyone there?")


def datagram(payload=b"anyone there?", port=OPEN_PORT, **fields):
    return UDP(sport=random.randrange(1024, 65536), dport=port, **fields) / Raw(payload)


def is_reset(answer, seq, ack):
    """Wants the reset that RFC 9293 3.10.7.1 tells: with the ACK bit if `ack` is a number."""
    flags = RST if ack is None else RST | ACK
    got = int(answer[TCP].flags), answer[TCP].seq, answer[TCP].ack
    assert got == (flags, seq, ack or 0), f"a reset with flags, seq, ack {(flags, seq, ack or 0)}: {got}"


def is_unreachable(answer, code, packet):
    """Wants an ICMP destination unreachable that quotes the packet: its header and eight bytes at least,
    if there are so many (RFC 1122 3.2.2)."""
    assert (answer[ICMP].type, answer[ICMP].code) == (3, code), told([answer])
    quoted = bytes(answer[ICMP].payload)
    sent = bytes(packet)
    assert len(quoted) >= min(28, len(sent)) and quoted == sent[:len(quoted)], f"quotes {quoted.hex()} of {sent.hex()}"


# ---- TCP flags and ports ----


@test_with_stranger
def tcp_syn_is_answered(stranger):
    """The ordinary one: SYN-ACK; and a reset ends it."""
    syn = segment("S")
    answer = stranger.answer(stranger.ip() / syn)
    assert int(answer[TCP].flags) == SYN | ACK and answer[TCP].ack == ISS + 1, told([answer])
    stranger.is_ignored(stranger.ip() / TCP(sport=syn.sport, dport=OPEN_PORT, flags="R", seq=ISS + 1))


@test_with_stranger
def tcp_wrong_flags_to_open_port_are_ignored(stranger):
    """Item by item as RFC 9293 3.10.7.2 has it for LISTEN: a reset is ignored, and what is neither
    reset nor ACK nor SYN; SYN with FIN or RST makes no state."""
    stranger.is_ignored(*(stranger.ip() / segment(flags) for flags in
                          ("", "F", "FPU", "P", "U", "R", "RA", "SR", "SF", "SRA", "SFRPU", "FSRPAU")))


@test_with_stranger
def tcp_ack_to_open_port_is_reset(stranger):
    """RFC 9293 3.10.7.2: an ACK before any connection, SYN-ACK and FIN-ACK too."""
    for flags in "A", "SA", "FA", "PA":
        is_reset(stranger.answer(stranger.ip() / segment(flags, ack=77)), seq=77, ack=None)


@test_with_stranger
def tcp_to_closed_port_is_reset(stranger):
    """RFC 9293 3.10.7.1: SYN and FIN take a number each, data one a byte."""
    for flags, data, length in (("S", b"", 1), ("S", b"early", 6), ("F", b"", 1), ("", b"", 0),
                                ("", b"data", 4), ("FPU", b"", 1), ("SF", b"", 2)):
        packet = stranger.ip() / segment(flags, CLOSED_PORT) / Raw(data)
        is_reset(stranger.answer(packet), seq=0, ack=ISS + length)


@test_with_stranger
def tcp_ack_to_closed_port_is_reset(stranger):
    for flags in "A", "SA", "FA", "FPAU":
        is_reset(stranger.answer(stranger.ip() / segment(flags, CLOSED_PORT, ack=99)), seq=99, ack=None)


@test_with_stranger
def tcp_reset_is_never_answered(stranger):
    stranger.is_ignored(*(stranger.ip() / segment(flags, port, ack=5) for flags in ("R", "RA", "SR", "FR")
                          for port in (OPEN_PORT, CLOSED_PORT)))


@test_with_stranger
def tcp_port_zero_is_ignored(stranger):
    stranger.is_ignored(stranger.ip() / segment("S", 0),
                        stranger.ip() / TCP(sport=0, dport=OPEN_PORT, flags="S", seq=ISS))


@test_with_stranger
def tcp_bad_checksum_is_ignored(stranger):
    stranger.is_ignored(stranger.ip() / segment("S", chksum=0x1234),
                        stranger.ip() / segment("S", CLOSED_PORT, chksum=0x1234))


@test_with_stranger
def tcp_impossible_header_length_is_ignored(stranger):
    """Four words are too few for the header, fifteen more than there is."""
    stranger.is_ignored(*(stranger.ip() / segment("S", dataofs=words) for words in (0, 4, 6, 15)),
                        stranger.ip(proto=6) / Raw(bytes(stranger.ip() / segment("S"))[20:39]),
                        stranger.ip(proto=6))


@test_with_stranger
def tcp_broken_options_are_passed_over(stranger):
    """RFC 9293 3.1: a length of 0 or past the end ends the options, not the connection, nor the stack."""
    for options in (b"\x02\x00\x05\xb4", b"\x02\x01\x00\x00", b"\x02\x28\x05\xb4", b"\x02\x03\x05\x00",
                    b"\xfe\x04\x01\x02", b"\x08\x03\x00\x00", b"\x05\x0b" + 10 * b"\x00", b"\x01\x01\x01\x02"):
        header = bytes(segment("S", chksum=0, options=[], dataofs=5 + len(options) // 4)) + options
        packet = stranger.ip(proto=6) / Raw(with_checksum(stranger, header))
        answer = stranger.answer(packet)
        assert int(answer[TCP].flags) == SYN | ACK, told([answer])
        reset = TCP(sport=answer[TCP].dport, dport=OPEN_PORT, flags="R", seq=ISS + 1)
        stranger.is_ignored(stranger.ip() / reset)


def with_checksum(stranger, header):
    """A TCP header with options that scapy would set right, its checksum filled in."""
    pseudo = struct.pack("!4s4sHH", socket.inet_aton(stranger.address), socket.inet_aton(stranger.wire.OURS),
                         6, len(header))
    return header[:16] + struct.pack("!H", checksum(pseudo + header)) + header[18:]


# ---- within a connection ----


class Connection:
    """A connection of the stranger's to the echo, with nothing sent yet."""

    def __init__(self, stranger, window=65535):
        self.stranger, self.port, self.window = stranger, random.randrange(1024, 65536), window
        answer = self.answer("S", seq=ISS)
        self.seq, self.ack = ISS + 1, answer[TCP].seq + 1
        self.send("A")

    def packet(self, flags, data=b"", **fields):
        numbers = {"seq": getattr(self, "seq", 0), "ack": getattr(self, "ack", 0)} | fields
        return self.stranger.ip() / TCP(sport=self.port, dport=OPEN_PORT, flags=flags, window=self.window,
                                        **numbers) / Raw(data)

    def send(self, flags, data=b"", **fields):
        return self.stranger.answers(self.packet(flags, data, **fields))

    def answer(self, flags, data=b"", **fields):
        return self.stranger.answer(self.packet(flags, data, **fields))

    def is_alive(self):
        """Whether a byte is still echoed."""
        answers = self.send("PA", b"x")
        self.seq += 1
        data = b"".join(bytes(answer[TCP].payload)[:answer.len - 4 * (answer.ihl + answer[TCP].dataofs)]
                        for answer in answers)
        assert data == b"x", f"the echo of x is {told(answers)}"
        self.ack += 1
        self.send("A")

    def is_challenged(self, flags, data=b"", **fields):
        """Wants one bare ACK of what was received so far, and the connection unharmed."""
        answer = self.answer(flags, data, **fields)
        got = int(answer[TCP].flags), answer[TCP].seq, answer[TCP].ack
        assert got == (ACK, self.ack, self.seq), f"{flags} {fields}: {told([answer])} {got}"


@contextlib.contextmanager
def connection(stranger):
    made = Connection(stranger)
    made.is_alive()
    yield made
    made.is_alive()
    assert not made.send("R"), "a reset at the right number was answered"
    answer = made.answer("A")
    is_reset(answer, seq=made.ack, ack=None)


@test_with_stranger
def connection_blind_resets_are_challenged(stranger):
    """RFC 5961 3: only a reset at exactly RCV.NXT ends it."""
    with connection(stranger) as made:
        made.is_challenged("R", seq=made.seq + 1)
        made.is_challenged("RA", seq=made.seq + 30000)
        assert not made.send("R", seq=made.seq - 1), "a reset before the window was answered"
        assert not made.send("R", seq=(made.seq + 2**31) % 2**32), "a reset far off was answered"


@test_with_stranger
def connection_blind_syns_are_challenged(stranger):
    """RFC 5961 4, wherever their number is."""
    with connection(stranger) as made:
        made.is_challenged("S")
        made.is_challenged("S", seq=ISS)
        made.is_challenged("SA", seq=made.seq + 5)


@test_with_stranger
def connection_acks_of_what_was_never_sent_are_challenged(stranger):
    """RFC 5961 5, and with it blind data."""
    with connection(stranger) as made:
        made.is_challenged("A", ack=made.ack + 1000)
        made.is_challenged("PA", b"blind", ack=(made.ack + 2**31 - 1) % 2**32)


@test_with_stranger
def connection_segments_without_ack_are_ignored(stranger):
    """RFC 9293 3.10.7.4, fifth: if the ACK bit is off, drop."""
    with connection(stranger) as made:
        for flags in "", "P", "F", "FPU":
            assert not made.send(flags, b"data"), flags


@test_with_stranger
def connection_urgent_pointers_anywhere_do_no_harm(stranger):
    """Zero, beyond the segment, going back: the data is what it is (RFC 6093)."""
    with connection(stranger) as made:
        for pointer in 0, 1, 65535, 2:
            made.send("U", b"", urgptr=pointer)
            made.send("AU", b"", urgptr=pointer)


# ---- addresses ----


@test_with_stranger
def land_is_ignored(stranger):
    """From our own address, from our own port too."""
    stranger.is_ignored(stranger.ip(src=stranger.wire.OURS) / segment("S"), stranger.ip(
        src=stranger.wire.OURS) / TCP(sport=OPEN_PORT, dport=OPEN_PORT, flags="S", seq=ISS))
    echo_once(stranger.wire)


@test_with_stranger
def sources_that_are_no_host_are_ignored(stranger):
    """RFC 1122 3.2.1.3: broadcast, multicast, 127/8 from the wire, zero, class E, our own (which the link's coming up
    announces: that is no answer)."""
    for source in MARTIANS:
        for packet in segment("S"), segment("A", CLOSED_PORT), echo_request(), datagram(
                port=CLOSED_PORT), datagram():
            frames = stranger.frames(stranger.ip(src=source) / packet)
            sent = [frame for frame in frames if IP in frame and frame[IP].dst in (source, stranger.address)
                    or ARP in frame and frame[ARP].pdst == source != frame[ARP].psrc]
            assert not sent, f"from {source}: {packet.summary()} was answered by {told(sent)}"


@test_with_stranger
def tcp_to_a_group_is_ignored(stranger):
    """RFC 1122 4.2.3.10, in a frame to everyone and in one to us."""
    for group in GROUPS:
        for mac in BROADCAST, "01:00:5e:00:00:01", None:
            stranger.is_ignored(*(stranger.ip(dst=group) / segment(flags, port) for flags in ("S", "A")
                                  for port in (OPEN_PORT, CLOSED_PORT)), to=mac)


@test_with_stranger
def group_frame_to_our_address_is_ignored(stranger):
    """RFC 1122 3.3.6: a frame to everyone, with a packet for us alone."""
    for packet in segment("S"), segment("A", CLOSED_PORT), echo_request(), datagram(), datagram(
            port=CLOSED_PORT):
        stranger.is_ignored(stranger.ip() / packet, to=BROADCAST)


@test_with_stranger
def icmp_and_udp_to_a_group_are_ignored(stranger):
    """No echo reply (RFC 1122 3.2.2.6 allows that), no ICMP error (3.2.2)."""
    for group in GROUPS:
        for packet in echo_request(), datagram(port=CLOSED_PORT), Raw(b"what is this?"):
            stranger.is_ignored(stranger.ip(dst=group, proto=packet.overload_fields.get(IP, {}).get(
                "proto", 253)) / packet, to=BROADCAST)


@test_with_stranger
def addresses_of_others_are_ignored(stranger):
    """We are no router: neither forwarded (nor asked the way for) nor answered, also when the frame was for
    us. What fourtuple sends of its own accord, an announcement or something again, concerns neither."""
    for address in "10.9.0.3", "192.0.2.1", "127.0.0.1", "0.0.0.0":
        for packet in segment("S"), echo_request(), datagram(port=CLOSED_PORT):
            concerned = [frame for frame in stranger.frames(stranger.ip(dst=address) / packet)
                         if ARP in frame and frame[ARP].pdst == address
                         or IP in frame and frame[IP].dst in (address, stranger.address)]
            assert not concerned, f"{address}: {told(concerned)}"


# ---- the IP header ----


@test_with_stranger
def echo_request_is_answered(stranger):
    """The ordinary one, bytes and numbers back as they came."""
    answer = stranger.answer(stranger.ip() / echo_request())
    assert (answer[ICMP].type, answer[ICMP].id, answer[ICMP].seq) == (0, 1, 1), told([answer])
    assert bytes(answer[ICMP].payload) == b"anyone there?", told([answer])


@test_with_stranger
def ttl_zero_and_one_are_received(stranger):
    """RFC 1122 3.2.1.7: a host must not discard what was received with a TTL below two; what it sends
    has its own."""
    for ttl in 0, 1:
        answer = stranger.answer(stranger.ip(ttl=ttl) / echo_request())
        assert answer.ttl == 64, answer.ttl


@test_with_stranger
def wrong_ip_headers_are_ignored(stranger):
    """Checksum, version, lengths that cannot be."""
    stranger.is_ignored(*(stranger.ip(**wrong) / echo_request() for wrong in (
        {"chksum": 0x1234}, {"version": 6}, {"version": 0}, {"ihl": 4}, {"ihl": 0}, {"ihl": 15},
        {"len": 0}, {"len": 19}, {"len": 5000}, {"len": 65535})))


@test_with_stranger
def bytes_behind_the_ip_packet_are_cut_off(stranger):
    """Ethernet pads short frames; the answer has only what IP counts."""
    packet = bytes(stranger.ip() / echo_request()) + b"padding, or an attempt"
    answer = stranger.answer(Ether(src=stranger.mac, dst=stranger.our_mac, type=0x0800) / Raw(packet))
    assert answer.len == 28 + len(b"anyone there?"), answer.len


@test_with_stranger
def harmless_ip_options_are_passed_over(stranger):
    """RFC 1122 3.2.1.8: those not understood, too."""
    for option in b"\x01\x01\x01\x00", b"\x07\x07\x04\0\0\0\0\0", b"\x44\x08\x05\0\0\0\0\0", b"\x94\x04\0\0":
        answer = stranger.answer(stranger.ip(options=[IPOption(option)]) / echo_request())
        assert answer[ICMP].type == 0 and answer.ihl == 5, told([answer])


@test_with_stranger
def broken_ip_options_are_ignored(stranger):
    for option in b"\x07\x00\x04\x00", b"\x07\x01\x04\x00", b"\x07\x28\x04\x00", b"\x01\x01\x01\x07":
        stranger.is_ignored(raw_options(stranger, option))


def raw_options(stranger, option):
    """An echo request with option bytes that scapy would set right."""
    packet = bytearray(bytes(stranger.ip(options=[IPOption(b"\x01\x01\x01\x01")]) / echo_request()))
    packet[20:24] = option
    packet[10:12] = b"\0\0"
    packet[10:12] = struct.pack("!H", checksum(packet[:24]))
    return Ether(src=stranger.mac, dst=stranger.our_mac, type=0x0800) / Raw(bytes(packet))


@test_with_stranger
def source_routes_are_ignored(stranger):
    """Loose and strict, done and not: dropped (RFC 6274 3.13.2.3), and no ICMP error for them either."""
    for kind in 131, 137:
        for pointer in 4, 8:
            route = bytes([kind, 7, pointer]) + bytes([10, 9, 0, 1]) + b"\0"
            stranger.is_ignored(*(stranger.ip(options=[IPOption(route)]) / packet for packet in (
                echo_request(), segment("S"), segment("S", CLOSED_PORT), datagram(port=CLOSED_PORT))))


@test_with_stranger
def unknown_protocols_are_unreachable(stranger):
    """RFC 1122 3.2.2.1. IP in IP is one of them: nobody here is a tunnel's end."""
    inner = IP(src="10.9.0.1", dst=stranger.wire.OURS) / echo_request()
    for packet in (stranger.ip(proto=4) / inner, stranger.ip(proto=41) / Raw(b"six"),
                   stranger.ip(proto=253) / Raw(b"what is this?"), stranger.ip(proto=2) / Raw(bytes(8))):
        is_unreachable(stranger.answer(packet), 2, packet)


# ---- fragments ----


def fragment(packet, first, last, more, **fields):
    """The bytes first to last of an IP packet's payload, in a packet of their own."""
    header, payload = packet.copy(), bytes(packet)[20:]
    header.remove_payload()
    for name, value in {"proto": packet.proto, "flags": "MF" if more else 0, "frag": first // 8,
                        "len": None, "chksum": None, **fields}.items():
        setattr(header, name, value)
    return header / Raw(payload[first:last])


def large_echo(stranger, size=64):
    return IP(bytes(stranger.ip(id=random.randrange(1, 65536)) / ICMP(type=8, id=1, seq=1) /
                    Raw(random.randbytes(size - 8))))


@test_with_stranger
def fragments_in_any_order_are_put_together(stranger):
    for order in (0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1):
        packet = large_echo(stranger)
        pieces = [fragment(packet, 0, 24, True), fragment(packet, 24, 48, True), fragment(packet, 48, 64, False)]
        answer = stranger.answer(*(pieces[number] for number in order))
        assert bytes(answer[ICMP].payload) == bytes(packet[ICMP].payload), order


@test_with_stranger
def fragments_sent_twice_are_put_together(stranger):
    packet = large_echo(stranger)
    first, second = fragment(packet, 0, 32, True), fragment(packet, 32, 64, False)
    answer = stranger.answer(first, first, second)
    assert bytes(answer[ICMP].payload) == bytes(packet[ICMP].payload)


@test_with_stranger
def overlapping_fragments_are_ignored(stranger):
    """Each pair has all bytes, and one too many: what is under the overlap is anybody's guess."""
    for first, second in (((0, 40), (32, 64)), ((0, 56), (48, 64)), ((0, 16), (8, 64))):
        packet = large_echo(stranger)
        pieces = [fragment(packet, *part, part[1] != 64) for part in (first, second)]
        assert not stranger.answers(*pieces), (first, second)
        assert not stranger.answers(*reversed(pieces)), (second, first)


@test_with_stranger
def teardrop_and_the_ping_of_death_are_ignored(stranger):
    """A second fragment within the first, a last one that ends before others, one past 65,535 bytes."""
    packet = large_echo(stranger)
    stranger.is_ignored(fragment(packet, 0, 64, True), fragment(packet, 24, 28, False))
    packet = large_echo(stranger)
    stranger.is_ignored(fragment(packet, 32, 64, True), fragment(packet, 8, 16, False),
                        fragment(packet, 0, 8, True))
    packet = large_echo(stranger)
    stranger.is_ignored(fragment(packet, 0, 64, True), fragment(packet, 0, 64, False, frag=8191))


@test_with_stranger
def tiny_fragments_are_ignored(stranger):
    """Pieces not of eight bytes that are not the last, and TCP headers cut in two (RFC 3128)."""
    packet = large_echo(stranger)
    stranger.is_ignored(fragment(packet, 0, 4, True), fragment(packet, 8, 64, False))
    syn = IP(bytes(stranger.ip(id=random.randrange(1, 65536)) / segment("S")))
    stranger.is_ignored(fragment(syn, 0, 8, True), fragment(syn, 8, 20, False))
    stranger.is_ignored(fragment(packet, 0, 0, True), fragment(packet, 0, 0, False, frag=1))


@test_with_stranger
def fragments_of_unknown_protocols_are_unreachable_once(stranger):
    packet = IP(bytes(stranger.ip(proto=4, id=7) / Raw(bytes(64))))
    first = fragment(packet, 0, 32, True)
    is_unreachable(stranger.answer(first), 2, first)
    stranger.is_ignored(fragment(packet, 32, 64, False))


# ---- ICMP ----


@test_with_stranger
def icmp_that_a_host_ignores(stranger):
    """Address mask (RFC 1122 3.2.2.9), timestamp (3.2.2.8: may), information (3.2.2.7), source quench,
    replies nobody asked for, routers' advertisements and solicitations, types that do not exist."""
    stranger.is_ignored(*(stranger.ip() / ICMP(type=kind, code=code) / Raw(bytes(20)) for kind, code in (
        (17, 0), (18, 0), (13, 0), (14, 0), (15, 0), (16, 0), (4, 0), (0, 0), (9, 0), (10, 0), (1, 0),
        (42, 0), (255, 255))))


@test_with_stranger
def icmp_malformed_is_ignored(stranger):
    stranger.is_ignored(stranger.ip() / echo_request(chksum=0x1234),
                        *(stranger.ip(proto=1) / Raw(b"\x08\x00\xf7\xff\0\0\0"[:size]) for size in range(8)))


@test_with_stranger
def icmp_redirect_changes_nothing(stranger):
    """To ourselves as the router: what goes beyond must still go to the gateway's MAC address."""
    far, here = "192.0.2.77", stranger.wire
    request = stranger.ip(src=far) / echo_request()
    before = [frame.dst for frame in stranger.frames(request) if IP in frame and frame[IP].dst == far]
    for code in range(4):
        quoted = IP(src=here.OURS, dst=far) / echo_request(type=0)
        stranger.is_ignored(stranger.ip(src=here.KERNEL) / ICMP(type=5, code=code, gw=stranger.address) / quoted)
    after = [frame.dst for frame in stranger.frames(request) if IP in frame and frame[IP].dst == far]
    assert len(before) == 1 and before == after, f"sent to {before} before, to {after} after the redirect"
    assert before[0] != stranger.mac


@test_with_stranger
def icmp_errors_are_never_answered(stranger):
    """RFC 1122 3.2.2: none about an ICMP error, whatever it quotes, whole or not."""
    quotes = (bytes(IP(src=stranger.wire.OURS, dst=stranger.address) / datagram(port=9)),
              bytes(IP(src=stranger.address, dst=stranger.wire.OURS) / datagram(port=9)),
              bytes(IP(src=stranger.wire.OURS, dst=stranger.address) / segment("A", CLOSED_PORT)),
              bytes(IP(src=stranger.wire.OURS, dst=stranger.address, proto=4)), b"", b"E", b"\xff" * 60)
    for kind, code in (3, 2), (3, 3), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0):
        stranger.is_ignored(*(stranger.ip() / ICMP(type=kind, code=code) / Raw(quote) for quote in quotes))


# ---- UDP ----


@test_with_stranger
def udp_is_answered(stranger):
    answer = stranger.answer(stranger.ip() / datagram())
    assert bytes(answer[UDP].payload) == b"anyone there?"


@test_with_stranger
def udp_checksum_zero_is_none_and_a_wrong_one_is_ignored(stranger):
    """RFC 1122 4.1.3.4."""
    answer = stranger.answer(stranger.ip() / datagram(chksum=0))
    assert bytes(answer[UDP].payload) == b"anyone there?"
    stranger.is_ignored(stranger.ip() / datagram(chksum=0x1234),
                        stranger.ip() / datagram(port=CLOSED_PORT, chksum=0x1234))


@test_with_stranger
def udp_impossible_lengths_are_ignored(stranger):
    stranger.is_ignored(*(stranger.ip() / datagram(port=port, len=length) for length in (0, 7, 22, 65535)
                          for port in (OPEN_PORT, CLOSED_PORT)),
                        *(stranger.ip(proto=17) / Raw(bytes(size)) for size in range(8)))


@test_with_stranger
def udp_to_closed_port_is_unreachable(stranger):
    """RFC 1122 4.1.3.1. One datagram, one error, quoting it."""
    packet = stranger.ip() / datagram(port=CLOSED_PORT)
    is_unreachable(stranger.answer(packet), 3, packet)


@test_with_stranger
def udp_to_port_zero_is_ignored(stranger):
    stranger.is_ignored(stranger.ip() / datagram(port=0))


# ---- ARP and frames ----


def arp_request(stranger, **fields):
    return ARP(**({"op": 1, "hwsrc": stranger.mac, "psrc": stranger.address,
                   "pdst": stranger.wire.OURS} | fields))


def arp_replies(frames):
    return [frame for frame in frames if ARP in frame and frame[ARP].op == 2]


@test_with_stranger
def arp_request_is_answered(stranger):
    """To the one who asked, also for a probe, which has no address yet (RFC 5227 2.1.1)."""
    for source in stranger.address, "0.0.0.0":
        replies = arp_replies(stranger.frames(arp_request(stranger, psrc=source), to=BROADCAST))
        assert len(replies) == 1 and replies[0].dst == stranger.mac, told(replies)
        arp = replies[0][ARP]
        assert (arp.hwsrc, arp.psrc, arp.hwdst) == (stranger.our_mac, stranger.wire.OURS, stranger.mac)


@test_with_stranger
def arp_oddities_are_ignored(stranger):
    """For others; too short; of other lengths, hardware or protocols; RARP; answers nobody asked for;
    senders whose MAC address is everyone's, or not the frame's."""
    for packet in (arp_request(stranger, pdst="10.9.0.3"), Raw(bytes(arp_request(stranger))[:27]),
                   arp_request(stranger, hwlen=8), arp_request(stranger, plen=16),
                   arp_request(stranger, hwtype=6), arp_request(stranger, ptype=0x86DD),
                   arp_request(stranger, op=3), arp_request(stranger, op=8), arp_request(stranger, op=0),
                   arp_request(stranger, op=2, psrc="10.9.0.200"),
                   arp_request(stranger, hwsrc=BROADCAST), arp_request(stranger, psrc="255.255.255.255"),
                   arp_request(stranger, psrc="224.0.0.1")):
        frame = Ether(src=stranger.mac, dst=BROADCAST, type=0x0806) / packet
        frames = stranger.frames(frame)
        assert not frames, f"{packet.summary()} was answered by {told(frames)}"


@test_with_stranger
def arp_claim_of_our_address_changes_nothing(stranger):
    """A gratuitous claim, and a reply that claims it: we keep the address, say so once at most
    (RFC 5227 2.4), and serve on."""
    wire = stranger.wire
    frames = []
    for op in 1, 2:
        for _ in range(5):
            frames += stranger.frames(arp_request(stranger, op=op, psrc=wire.OURS), to=BROADCAST)
    claims = [frame for frame in frames if ARP in frame]
    assert len(claims) <= 2, told(claims)  # the other may be the announcement 2 s after the start (RFC 5227 3)
    wire.kernel_run("ip", "neigh", "flush", "dev", wire.kernel_link)
    echo_once(wire)


@test_with_stranger
def frames_not_for_us_are_ignored(stranger):
    """Another's MAC address, a network of a VLAN, 802.3 with LLC, unknown EtherTypes, and no header."""
    packet = stranger.ip() / echo_request()
    for frame in (Ether(src=stranger.mac, dst="02:00:5e:00:00:77") / packet,
                  Ether(src=stranger.mac, dst=stranger.our_mac) / Dot1Q(vlan=5) / packet,
                  Ether(src=stranger.mac, dst=stranger.our_mac, type=0x88B5) / packet,
                  Ether(src="01:00:5e:00:00:66", dst=stranger.our_mac) / packet,
                  Ether(src=stranger.mac, dst=stranger.our_mac, type=0x0800),
                  Ether(src=stranger.mac, dst=stranger.our_mac, type=100) / LLC() / packet):
        frames = stranger.frames(frame)
        assert not frames, f"{frame.summary()} was answered by {told(frames)}"


@test_with_stranger
def priority_tag_is_passed_over(stranger):
    """VLAN 0 is no network, only a priority (802.1Q)."""
    answer = stranger.answer(Ether(src=stranger.mac, dst=stranger.our_mac) / Dot1Q(vlan=0, prio=5) /
                             stranger.ip() / echo_request())
    assert answer[ICMP].type == 0
