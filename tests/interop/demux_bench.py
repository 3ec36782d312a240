#!/usr/bin/env python3
"""ft-demux-bench with the kernel as rival, in a quick form; needs root. Prints ok, FAIL or skip for each
test. Nothing is judged by time."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

PROGRAM = pathlib.Path(__file__).parents[2] / "build/apps/ft-demux-bench"
QUICK = "--against", "kernel", "--lookups", "70k", "--repeat", "2"


def bench(*arguments, **options):
    return subprocess.Popen([PROGRAM, *QUICK, *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, **options)


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def wait_for_children(process, count):
    end = time.monotonic() + 60
    while len(children(process.pid)) < count:
        assert time.monotonic() < end and process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    return children(process.pid)


def are_gone(pids):
    end = time.monotonic() + 30
    while any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, f"still there: {pids}"
        time.sleep(0.05)


def kernel_finds_every_socket():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "json")
        process = bench("--connections", "100,1k,25k", "--misses", "0,20", "--json", path)
        output, _ = process.communicate(timeout=100)
        assert process.returncode == 0, output
        rows = [row for row in json.loads(path.read_text())["results"] if row["subject"] == "kernel"]
    assert [row["connections"] for row in rows] == [100, 100, 1000, 1000, 25000, 25000], rows
    assert all(row["ns_per_lookup"] > 0 and row["burst"] == 1 for row in rows), rows


def kernels_connect_is_measured_while_ports_run_out():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "json")
        process = bench("--ports", "--json", path)
        output, _ = process.communicate(timeout=100)
        assert process.returncode == 0, output
        rows = [row for row in json.loads(path.read_text())["results"] if row["subject"] == "kernel"]
    assert [row["number"] for row in rows] == [0, 4500, 8910, 8999], rows
    assert all(row["ns"] > 0 for row in rows), rows


def interrupted_leaves_no_process():
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGKILL:
        process = bench("--connections", "1k", "--repeat", "1000")
        holders = wait_for_children(process, 1)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode in (128 + number, -number), process.returncode
        are_gone(holders)


def dead_holder_ends_the_run():
    process = bench("--connections", "1k", "--repeat", "1000")
    holder = wait_for_children(process, 1)[0]
    time.sleep(1)
    os.kill(int(holder), signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "holds its sockets has died" in output, output


def without_root_says_so():
    process = bench("--connections", "100", user=65534, cwd="/")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "run it as root" in output, output


def run(test):
    name = f"demux_bench/{test.__name__}"
    try:
        test()
    except Exception as error:
        print(f"FAIL {name}\n    {error!r}".replace("\\n", "\n    "), flush=True)
        return False
    print(f"ok {name}", flush=True)
    return True


def main():
    if os.geteuid() != 0:
        print("skip demux_bench: network namespaces need root")
        return 0
    if "was not built" in bench("--connections", "100").communicate()[0]:
        print("skip demux_bench: the kernel as rival was not built")
        return 0
    tests = kernel_finds_every_socket, kernels_connect_is_measured_while_ports_run_out, \
        interrupted_leaves_no_process, dead_holder_ends_the_run, without_root_says_so
    return 0 if all([run(test) for test in tests]) else 1


if __name__ == "__main__":
    sys.exit(main())
