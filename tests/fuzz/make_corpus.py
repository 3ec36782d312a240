#!/usr/bin/env python3
"""Writes the inputs that fuzzing starts from: make_corpus.py DIRECTORY."""

import json
import pathlib
import struct
import sys

US, PEER = bytes([10, 9, 0, 2]), bytes([10, 9, 0, 1])
US_MAC, PEER_MAC = bytes([2, 0, 0, 0, 0, 2]), bytes([2, 0, 0, 0, 0, 1])
SIGNED, OUTSIDE, IN_TENS = 1, 2, 10 << 2
FIN, SYN, RST, ACK, URG = 1, 2, 4, 16, 32
SYN_OPTIONS = bytes([2, 4, 5, 0xB4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7])


def ethernet(kind, payload, to=US_MAC, vlan=None):
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return to + PEER_MAC + tag + struct.pack(">H", kind) + payload


def ip(protocol, payload, fragment=0, options=b""):
    words = 5 + len(options) // 4
    return ethernet(0x0800, struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload),
                                        77, fragment, 64, protocol, 0, PEER, US) + options + payload)


def arp(operation):
    return ethernet(0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, PEER_MAC, PEER,
                                        bytes(6), US))


def udp(port, payload):
    return struct.pack(">HHHH", 30000, port, 8 + len(payload), 0) + payload


def tcp(flags, options=b"", payload=b"", port=7):
    return struct.pack(">HHIIBBHHH", 20000, port, 1000, 0, (5 + len(options) // 4) << 4, flags, 60000, 0,
                       5 if flags & URG else 0) + options + payload


def icmp(kind, code, rest):
    return struct.pack(">BBHI", kind, code, 0, 1400) + rest


def frames(*all_frames, layout=SIGNED):
    return b"".join(struct.pack("<BH", layout, len(one)) + one for one in all_frames)


QUOTE = ip(17, udp(9, b""))[14:26] + US + PEER + udp(9, b"")
FRAME = {
    "arp": frames(arp(1), arp(2)),
    "echo": frames(ip(1, icmp(8, 0, b"ping" * 20))),
    "echo-in-pieces": frames(ip(1, icmp(8, 0, b"ping" * 20)), layout=SIGNED | OUTSIDE | IN_TENS),
    "icmp-error": frames(ip(1, icmp(3, 4, QUOTE)), ip(1, icmp(11, 0, QUOTE)), ip(1, icmp(5, 0, QUOTE))),
    "udp": frames(ip(17, udp(7, b"datagram")), ip(17, udp(4000, b"connected")), ip(17, udp(9, b"nobody"))),
    "vlan": frames(ethernet(0x0800, ip(17, udp(7, b"priority"))[14:], vlan=0x6000)),
    "fragments": frames(ip(17, udp(7, bytes(40))[:24], 0x2000), ip(17, udp(7, bytes(40))[24:], 3)),
    "syn": frames(ip(6, tcp(SYN, SYN_OPTIONS)), ip(6, tcp(RST))),
    "stray": frames(ip(6, tcp(ACK, port=9)), ip(6, tcp(FIN | ACK, payload=b"stray"))),
    "options": frames(ip(17, udp(7, b"options"), options=bytes([1, 7, 7, 4, 0, 0, 0, 0]))),
    "source-route": frames(ip(17, udp(7, b"route"), options=bytes([131, 7, 4, 10, 9, 0, 9, 0]))),
    "unknown-protocol": frames(ip(4, ip(17, udp(7, b"tunnel"))[14:])),
    "short": frames(b"", b"\x02", US_MAC + PEER_MAC + b"\x08", layout=OUTSIDE),
}


def fragments(*pieces):
    return b"".join(struct.pack("<BBHH", *piece) for piece in pieces)


REASSEMBLY = {
    "in-order": fragments((0, 1, 0, 1480), (0, 1, 185, 1480), (1, 1, 370, 100)),
    "backwards": fragments((1, 1, 370, 100), (0, 1, 185, 1480), (0, 1, 0, 1480)),
    "in-pieces": fragments((6, 1, 0, 800), (7, 1, 100, 33)),
    "overlap": fragments((0, 1, 0, 800), (0, 1, 50, 800), (1, 1, 150, 33)),
    "overlap-that-adds-up": fragments((0, 1, 0, 800), (0, 1, 50, 800), (1, 1, 200, 33)),
    "duplicate": fragments((0, 1, 0, 800), (0, 1, 0, 800), (1, 1, 100, 33)),
    "beyond-the-end": fragments((0, 1, 0, 800), (1, 1, 8191, 1000)),
    "shorter-last": fragments((0, 1, 100, 800), (1, 1, 50, 33)),
    "longer-header": fragments((8, 1, 0, 800), (1, 1, 100, 33)),
    "too-late": fragments((0xF0, 1, 0, 800), (0xF0, 1, 200, 800), (1, 1, 100, 800)),
    "many": fragments(*((0, i, 0, 800) for i in range(10))),
    "largest": fragments(*((0, 1, i * 185, 1480) for i in range(44)), (1, 1, 44 * 185, 387)),
}

SEGMENT = {
    "syn": struct.pack("<BHH", 0, 0, 0) + tcp(SYN, SYN_OPTIONS),
    "timestamp": struct.pack("<BHH", 1, 0, 0) + tcp(ACK, bytes([1, 1, 8, 10]) + bytes(8), b"data"),
    "cut": struct.pack("<BHH", 0, 3, 4) + tcp(SYN | FIN | ACK, b"", b"cut at both ends"),
    "in-pieces": struct.pack("<BHH", 15 << 1, 30, 10) + tcp(FIN | ACK, b"", bytes(100)),
    "in-as-many-as-can-be": struct.pack("<BHH", 1 << 1, 30, 10) + tcp(FIN | ACK, b"", bytes(2040)),
    "urgent": struct.pack("<BHH", 0, 0, 0) + tcp(URG | ACK, b"", b"urgent"),
    "option-length-0": struct.pack("<BHH", 1, 0, 0) + tcp(ACK, bytes([5, 0, 8, 0])),
    "option-past-the-end": struct.pack("<BHH", 1, 0, 0) + tcp(SYN, bytes([2, 4, 5, 180, 3, 9, 8, 0])),
    "short": struct.pack("<BHH", 1, 0, 0) + tcp(ACK)[:19],
}

def segment(number, flags=ACK, payload=b"0123456789", more=b""):
    """Of one connection; each follows the one with the number before it, if that has the usual payload."""
    header = struct.pack(">HHIIBBHHH", 20000, 7, 1000 + 10 * number, 1, 5 << 4, flags, 60000, 0, 0)
    total = 20 + len(header) + len(payload)
    return ethernet(0x0800, struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, 0, 0x4000, 64, 6, 0, PEER, US) +
                    header + payload + more)


# Vouched for, in one mbuf.
MERGE = {
    "three": frames(*(segment(i) for i in range(3)), layout=2),
    "with-a-gap": frames(segment(0), segment(2), segment(1), layout=2),
    "not-alike": frames(segment(0), segment(1, ACK | FIN), segment(1, payload=b""), segment(1, more=b"padding"),
                        layout=2),
    "fragments": frames(*(ip(6, tcp(ACK, payload=b"data"), 0x2000) for _ in range(2)), layout=2),
    "short": frames(*(segment(i)[:53] for i in range(2)), layout=2),
    "outside-in-pieces": frames(*(segment(i) for i in range(3)), layout=3 | 1 << 2),
}

CONFIG = {
    "file": b"[nic]\ndevice = net_tap0,iface=x # one\nmtu = 9000\n[ip]\naddress = 10.9.0.2/24\n"
            b"address1 = 10.9.1.2/16\ngateway = 10.9.0.1\n[tcp]\nephemeral_ports = 40000 - 50000\n"
            b"delayed_ack = 40 ms\nreceive_buffer = 256K\n; comment\n[eal]\nlcores = 1\n[log]\ntrace = tcp,arp\n",
    "no-section": b"mtu = 9000\n",
    "unclosed": b"[ip\naddress = 10.9.0.2/24\n",
    "no-end-of-line": b"[tcp]\ntimestamps = no",
    "long-value": b"[nic]\ndevice = " + b"x" * 600 + b"\n",
    "escaped": b"[nic]\ndevice = a\\#b ;c\n\\#d = e\n",
    "set-duration": b"\0tcp\0time_wait\0" + b"2 min",
    "set-bytes": b"\0tcp\0send_buffer\0" + b"4M",
    "set-ports": b"\0udp\0ephemeral_ports\0" + b"1024-65535",
    "set-address": b"\0ip\0address63\0" + b"255.255.255.255/32",
    "set-eal": b"\0eal\0file-prefix\0" + b"x y",
    "set-number": b"\0memory\0packets\0" + b"99999999999999999999",
}

# A handshake (SYN, ACK, accept), data, a FIN, time; then what chance makes of more bytes.
SYN_STEP = bytes([0, 0, 0, 0]) + struct.pack("<I", 5000) + bytes([3, 1, 0])
DATA_STEP = bytes([0, 0, 0, 0, 0, 0, 0, 0, 1]) + struct.pack("<H", 300)
CONNECTION = {
    "handshake": SYN_STEP + bytes([0, 0, 0, 0, 0, 0, 0, 0, 0]) + bytes([5, 0, 0]),
    "data": SYN_STEP + DATA_STEP * 3 + bytes([5, 0, 0]) + bytes([5, 6, 0, 4, 0, 16]),
    "fin": SYN_STEP + DATA_STEP + bytes([0, 0, 0, 11, 0, 0, 0, 0, 0]) + bytes([5, 0, 0, 7, 3, 90]),
    "connect": bytes([5, 3, 0, 0, 0, 0, 0, 0, 7, 2, 9, 5, 4, 1, 0, 4, 0, 4]),
    "mixed": bytes(range(256)) * 2,
}

# The parsers by number, as in target_words.c; a word a line.
FILTER, PATTERN, TRACE, DEVICE, ARGUMENTS, NUMBER, VALUE, ADDRESS, TELEMETRY, PORT, ENTRY, PORTS = (
    bytes([i]) for i in range(12))
WORDS = {
    "filter": FILTER + b"state\nestablished\n( dport = :ssh or sport != 7 ) and not dst 10.0.0.0/8",
    "filter-signs": FILTER + b"exclude bucket src [2001:db8::1]:7 || !(sport<=1024&dport>echo)",
    "filter-any": FILTER + b"state all dst *:* src 10.9.0.2 dst :7",
    "filter-deep": FILTER + b"( " * 31 + b"src 10.9.0.1" + b" )" * 31,
    "filter-states": FILTER + b"state listening state time-wait",
    "filter-unfinished": FILTER + b"sport gt\nand",
    "pattern": PATTERN + b"10.9.0.1:*,10.9.0.2:7",
    "pattern-any": PATTERN + b"*:7",
    "pattern-ipv6": PATTERN + b"[2001:db8::1]:40000,*:*",
    "trace": TRACE + b"tcp,arp timer",
    "trace-all": TRACE + b"all",
    "trace-unknown": TRACE + b" ,tcp,nothing",
    "device": DEVICE + b"net_af_packet0,iface=eth1,framesz=4096",
    "device-pci": DEVICE + b"3b:00.0,txq_inline_max=0",
    "device-pci-in-full": DEVICE + b"0000:3b:00.0",
    "device-long-interface": DEVICE + b"net_tap0,iface=abcdefghijklmnopqrstuvwxyz",
    "device-long-name": DEVICE + b"net_af_packet" + b"x" * 140 + b",iface=lo",
    "arguments": ARGUMENTS + b"ft-echo\n--nic.device=net_ring0\n--tcp\n7\n--trace\nall\n--ip.address\n10.9.0.2/24",
    "arguments-eal": ARGUMENTS + b"ft-echo\n--eal\n--lcores 0@'1 2' -m \"512\"\n--\n--nic.mtu=1",
    "arguments-unfinished": ARGUMENTS + b"ft-echo\n--name=x\n--tcp.backlog",
    "number": NUMBER + b"100k",
    "number-huge": NUMBER + b"99999999999999999999M",
    "duration": VALUE + b"1.5 min",
    "size": VALUE + b"64K",
    "rate": VALUE + b"1e5",
    "not-a-number": VALUE + b"0x10",
    "address": ADDRESS + b"10.9.0.1:80",
    "address-without-port": ADDRESS + b"10.9.0.1:",
    "telemetry-page": TELEMETRY + b"0,0x7ff,details",
    "telemetry-reset": TELEMETRY + b"10.9.0.2,7,10.9.0.1,40000",
    "port": PORT + b"65535",
    "port-none": PORT + b"65536",
    "ports": PORTS + b"1024 - 65535",
    "ports-backwards": PORTS + b"9-7",
    "watch": VALUE + b".5",
    "entry": ENTRY + b"ft-echo-4194304\nft-echo",
    "entry-of-another": ENTRY + b"ft-echo2\nft-echo",
}

# Who asks, by number, as in target_answers.c; a message a line.
GREET, LIST, LIST_JSON, KILL, SUMMARIZE, NIC, PAGE = (bytes([i]) for i in range(7))


def answer(command, content):
    return json.dumps({"/fourtuple/" + command: content}).encode() + b"\n"


LISTENER = {"proto": "tcp", "state": "LISTEN", "recvq": 0, "sendq": 511, "local": "0.0.0.0", "lport": 7,
            "remote": "0.0.0.0", "rport": 0, "fds": "4"}
BOUND = {"proto": "udp", "state": "CLOSED", "recvq": 0, "sendq": 0, "local": "::", "lport": 53, "remote": "::",
         "rport": 0, "fds": "5,6,7,8,9,10,11,12", "more_fds": 3}
CONNECTED = {"proto": "tcp", "state": "ESTABLISHED", "recvq": 1, "sendq": 20, "local": "10.9.0.2", "lport": 7,
             "remote": "10.9.0.1", "rport": 40000, "timer": "on", "timer_ms": 204, "retries": 1,
             "timestamps": 1, "wscale": 1, "snd_wscale": 7, "rcv_wscale": 7, "rto_us": 204000, "backoff": 1,
             "rtt_us": 150, "rttvar_us": 75, "mss": 1448, "pmtu": 1500, "rcvmss": 536, "advmss": 1448,
             "cwnd": 10, "ssthresh": 2147483647, "unacked": 1, "lost": 1, "retrans": 1, "retrans_total": 2,
             "lastsnd_ms": 60000, "lastrcv_ms": 61000, "lastack_ms": 3, "rcv_space": 14480, "congestion": "reno"}
PAGES = (answer("sockets", {"next": 4294967296, "0": LISTENER, "1": BOUND}) +
         answer("sockets", {"next": 0, "0": CONNECTED}))
INFO = answer("info", {"name": "ft-echo", "program": "ft-echo", "pid": 7, "version": "1", "device": "net_tap0"})
COUNTERS = answer("counters", {"packets_received": 12, "segments_sent": 9223372036854775807})
DROPS = answer("drops", {"input": {"NO_SOCKET": 3}, "late": {}, "output": {"NO_MBUF": 1}})
STATES = answer("states", {"ESTABLISHED": 3, "udp": 1})
DEVICE_NOW = answer("nic", {"driver": "net_tap", "link": "up", "mtu": 1500, "offloads": {"checksum": "off: no"},
                            "stats": {"rx_packets": 7, "rx_missed": -1},
                            "receive_pool": {"packets": 4096, "available": 4000}})
ANSWERS = {
    "greet": GREET + b'{"version": "DPDK 22.11", "pid": 7, "max_output_len": 16384}\n' + INFO,
    "greet-stranger": GREET + b'{"version": "DPDK 22.11"}\n' + answer("info", None),
    "list": LIST + PAGES,
    "list-json": LIST_JSON + PAGES,
    "list-same-again": LIST + answer("sockets", {"next": 1}) * 3,
    "list-no-socket": LIST + answer("sockets", {"next": 0, "0": {"proto": "tcp"}}),
    "list-error": LIST + answer("sockets", {"error": "no"}),
    "list-torn": LIST + PAGES[:300],
    "kill": KILL + answer("sockets", {"next": 0, "0": CONNECTED}) + answer("reset", {"reset": 1}),
    "summarize": SUMMARIZE + (STATES + COUNTERS + DROPS) * 2,
    "summarize-back": SUMMARIZE + STATES + answer("counters", {"a": -9223372036854775808}) + DROPS + STATES +
    answer("counters", {"a": 9223372036854775807}) + DROPS,
    "nic": NIC + DEVICE_NOW,
    "page": PAGE + INFO + COUNTERS + DROPS + STATES + answer("bursts", {"0": 5, "1": 3, "32": 2}) + DEVICE_NOW,
    "page-unanswered": PAGE + INFO,
}

TARGETS = {"frame": FRAME, "merge": MERGE, "reassembly": REASSEMBLY, "segment": SEGMENT, "config": CONFIG,
           "connection": CONNECTION, "words": WORDS, "answers": ANSWERS}

for target, inputs in TARGETS.items():
    folder = pathlib.Path(sys.argv[1], target)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in inputs.items():
        (folder / name).write_bytes(content)
