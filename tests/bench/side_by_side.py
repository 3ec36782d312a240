#!/usr/bin/env python3
"""The same applications on the kernel's stack and on fourtuple, over the same kind of wire.

    core 0, the kernel, 10.9.0.1                     core 1, what is compared, 10.9.0.2
      kernel-load ── ft…b ════ veth ════ ft…a ── kernel-echo in a namespace, sleeping or spinning
      kernel-load ── ft…b ════ veth ════ ft…a ── ft-echo on af_packet or af_xdp
      bulk-peer   ── ft…b ════ veth ════ ft…a ── kernel-load, ft-load: bulk in either direction

Offloads are off on both ends; so the kernel cuts large segments in software, its own as ours (nic.tso). fourtuple has
hugepages, as it would on a machine of its own. Each round measures all of them, one after the other; what counts is the
median, over the rounds, of the ratio to the kernel's spinning server in the same round: a poll-mode stack
never sleeps, so its fair rival is the one that does not either. Times in themselves say nothing.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/interop"))
import wire  # noqa: E402: what interop's tests make their wires with

BUILD = pathlib.Path(os.environ.get("FT_BENCH_BUILD", TOP / "build")).resolve()
BENCH = BUILD / "tests/bench"
CLIENT_CORE, SERVER_CORE = "0", "1"
RIVAL = "kernel, spinning"
SUBJECTS = ["kernel, sleeping", RIVAL, "fourtuple, af_packet", "fourtuple, af_xdp"]
BULK_SUBJECTS = [RIVAL, "fourtuple, af_packet", "fourtuple, af_xdp"]
KINDS = ["requests", "bulk"]
HUGEPAGES = 128  # for ft-echo's packets and tables
SINK, SOURCE = 9, 19  # discard (RFC 863), chargen (RFC 864)

# name: (of the result, how a ratio is read)
FIGURES = {
    "round trip p50": "ns, 64 bytes, one connection",
    "round trip p99": "ns",
    "request rate": "requests a second, 64 bytes, 64 connections",
    "bulk sent": "bytes a second, one connection",
    "bulk received": "bytes a second, one connection",
}


def choose_congestion_control():
    """In the namespace of the calling thread: what fourtuple has (RFC 5681), and which every kernel has. A machine may be
    set up otherwise, and BBR for one paces what it sends."""
    pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").write_text("reno")


class OurWire(wire.Wire):
    """A wire with fourtuple at one end. On a veth it is the kernel that delivers, whoever polls: there AF_XDP is
    quicker without the system calls that ask for it."""

    def device_string(self):
        return super().device_string() + (",busy_budget=0" if self.device == "af_xdp" else "")

    def make_veth(self):
        super().make_veth()
        with wire.inside(self.namespace):
            choose_congestion_control()


class KernelWire(wire.Wire):
    """A wire whose server's end is the kernel, too, in a namespace of its own."""

    def make_veth(self):
        super().make_veth()
        self.server_namespace = f"{self.namespace}s"
        wire.run("ip", "netns", "add", self.server_namespace)
        wire.run("ip", "link", "set", self.our_link, "netns", self.server_namespace)
        with wire.inside(self.namespace):
            choose_congestion_control()
        with wire.inside(self.server_namespace):
            choose_congestion_control()
            self.make_quiet(self.our_link)
            wire.run("ip", "address", "add", f"{self.OURS}/24", "dev", self.our_link)
            wire.run("ip", "link", "set", self.our_link, "up")

    def __exit__(self, *rest):
        super().__exit__(*rest)
        subprocess.run(["ip", "netns", "delete", self.server_namespace], stderr=subprocess.DEVNULL)


class Subject:
    """One of SUBJECTS: a wire, and the programs at its end of it."""

    def __init__(self, name):
        self.name = name
        self.is_kernel = name.startswith("kernel")
        self.wire = KernelWire("af_packet") if self.is_kernel else OurWire(name.split()[-1])

    def __enter__(self):
        self.wire.__enter__()
        return self

    def __exit__(self, *_):
        self.wire.__exit__()

    def command(self, program, *arguments):
        if self.is_kernel:
            spin = ["--kernel.spin"] if self.name == RIVAL else []
            return [BENCH / f"kernel-{program}", f"--ip.address={self.wire.OURS}", *spin, *arguments]
        # So that the kernel cuts our segments, as its own.
        return [BUILD / f"apps/ft-{program}", "--config", self.wire.configuration(), "--nic.tso=yes", *arguments]

    @contextlib.contextmanager
    def running(self, program, *arguments):
        """A program at this end, on its core."""
        command = ["taskset", "-c", SERVER_CORE, *self.command(program, *arguments)]
        home = self.wire.server_namespace if self.is_kernel else None
        with wire.inside(home) if home else contextlib.nullcontext():
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            end(process)

    @contextlib.contextmanager
    def peer(self, program, *arguments):
        """A program at the kernel's end, on the other core."""
        with wire.inside(self.wire.namespace):
            process = subprocess.Popen(["taskset", "-c", CLIENT_CORE, BENCH / program, *arguments],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            end(process)


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def await_listening(process):
    for line in process.stdout:
        if "listening" in line:
            return
    raise AssertionError(process.stderr.read())


def results_of(process, path):
    """The JSON that ft-load or kernel-load leaves when it has come to its end."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, f"exit status {process.returncode}\n{output}{errors}"
    return json.loads(path.read_text())


def measure_echo(subject, seconds):
    """Round trips of one connection, and the rate of 64."""
    path = subject.wire.directory / "load.json"
    load = [f"--ip.address={subject.wire.KERNEL}", "--to", f"{subject.wire.OURS}:7", "--size", "64",
            "--duration", f"{seconds}s", "--warmup", "500ms", "--json", path, "--quiet"]
    with subject.running("echo") as server:
        await_listening(server)
        with subject.peer("kernel-load", *load) as client:
            single = results_of(client, path)
        with subject.peer("kernel-load", *load, "--connections", "64") as client:
            many = results_of(client, path)
    return {
        "round trip p50": single["latency_ns"]["p50"],
        "round trip p99": single["latency_ns"]["p99"],
        "request rate": many["answers"] / many["measured_s"],
    }


def measure_bulk(subject, seconds):
    """One connection, first sending, then receiving: MTU 1,500, so segments of 1,448 bytes."""
    path = subject.wire.directory / "load.json"
    load = ["--duration", f"{seconds}s", "--warmup", "500ms", "--json", path, "--quiet"]
    figures = {}
    with subject.peer("bulk-peer", str(SINK), str(SOURCE)) as peer:
        await_listening(peer)
        for port, mode, name, key in ((SINK, "bulk-send", "bulk sent", "sent"),
                                      (SOURCE, "bulk-receive", "bulk received", "received")):
            with subject.running("load", "--to", f"{subject.wire.KERNEL}:{port}", "--mode", mode,
                                 *load) as client:
                results = results_of(client, path)
                figures[name] = results[f"bytes_{key}"] / results["measured_s"]
    return figures


def measure(name, seconds, kinds):
    figures = {}
    with Subject(name) as subject:
        if "requests" in kinds:
            figures.update(measure_echo(subject, seconds))
        if "bulk" in kinds and name in BULK_SUBJECTS:
            figures.update(measure_bulk(subject, seconds))
    return figures


def ratios(rounds, subject, figure):
    """Of a subject to the rival, round by round."""
    return [one[subject][figure] / one[RIVAL][figure] for one in rounds if figure in one.get(subject, {})]


def summary(rounds):
    """{subject: {figure: {"ratio": median, "min": ..., "max": ..., "value": median}}}"""
    table = {}
    for subject in SUBJECTS:
        for figure in FIGURES:
            found = ratios(rounds, subject, figure)
            if found:
                table.setdefault(subject, {})[figure] = {
                    "ratio": statistics.median(found), "min": min(found), "max": max(found),
                    "value": statistics.median(one[subject][figure] for one in rounds)}
    return table


def report(table, rounds):
    """Markdown."""
    measured = [figure for figure in FIGURES if any(figure in figures for figures in table.values())]
    lines = [f"Ratios to \"{RIVAL}\" in the same round, the median of {rounds} rounds (least to greatest).",
             "", "| | " + " | ".join(measured) + " |", "|---" * (len(measured) + 1) + "|"]
    for subject, figures in table.items():
        cells = [f"{figures[f]['ratio']:.2f} ({figures[f]['min']:.2f} to {figures[f]['max']:.2f})"
                 if f in figures else "" for f in measured]
        lines.append(f"| {subject} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def hugepages(count):
    """So many of 2 MiB at least, free, where the kernel has them; as many as there were before when it ends."""
    pool = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
    before, free = (int((pool / name).read_text()) for name in ("nr_hugepages", "free_hugepages")) \
        if pool.exists() else (0, 0)
    try:
        with contextlib.suppress(OSError):
            (pool / "nr_hugepages").write_text(str(before + max(0, count - free)))
            free = int((pool / "free_hugepages").read_text())
        if free < count:
            print("side_by_side.py: too little memory for hugepages: fourtuple does without", file=sys.stderr)
        yield
    finally:
        with contextlib.suppress(OSError):
            (pool / "nr_hugepages").write_text(str(before))


def end_orderly(number, _):
    """Like Ctrl-C: namespaces and hugepages are given back."""
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description="kernel and fourtuple side by side, over a veth pair (root)",
                                     epilog="FT_BENCH_BUILD is the build folder (build).")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--only", choices=KINDS, help="not the other")
    parser.add_argument("--json", type=pathlib.Path, help="all figures of all rounds, for programs")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("side_by_side.py: needs root, for network namespaces")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("side_by_side.py: needs two cores, one for each end")
    signal.signal(signal.SIGTERM, end_orderly)
    rounds = []
    with hugepages(HUGEPAGES):
        for number in range(options.rounds):
            rounds.append({})
            for name in SUBJECTS:
                print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
                rounds[-1][name] = measure(name, options.seconds, [options.only] if options.only else KINDS)
    table = summary(rounds)
    if options.json:
        options.json.write_text(json.dumps({"rounds": rounds, "summary": table, "figures": FIGURES}, indent=1))
    print(report(table, options.rounds), end="")


if __name__ == "__main__":
    main()
