#!/usr/bin/env python3
"""Installs a build into a folder of its own and uses it from outside the tree: README.md tells more.

    installed.py BUILD_DIRECTORY [--wire]

With --wire (root), the echo server is asked by the kernel over a veth pair, too. Prints a line for each
check that begins with "ok" or "FAIL"; the exit status is 1 when one failed."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP / "tests/interop"))

import wire as wires  # noqa: E402

# These stand before libc's on purpose: drivers/fanout.c, drivers/dumpcap.c.
NOT_OF_THE_HEADER = {"setsockopt", "sendmsg"}
LINKINGS = {"shared": [], "static": ["--static"]}
PROGRAMS = {"echo": ("cc", "echo.c"), "hello": ("cc", "hello.c"), "hello_cpp": ("c++", "hello_cpp.cpp")}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
NO_WIRE = ["--nic.device=net_ring0", "--ip.address=10.9.0.2/24", "--memory.packets=4096"]


class Installed:
    """What "ninja install" put under a folder."""

    def __init__(self, build, folder):
        environment = dict(os.environ, DESTDIR=str(folder / "root"))
        wires.run("meson", "install", "-C", build, "--no-rebuild", "--quiet", env=environment)
        self.root, self.folder = folder / "root", folder
        self.pkgconfig = self.find("fourtuple.pc").parent
        self.libraries = self.pkgconfig.parent

    def find(self, name):
        found = list(self.root.rglob(name))
        assert len(found) == 1, f"{name} is installed {len(found)} times"
        return found[0]

    def flags(self, *arguments):
        """What pkg-config answers. The .pc files stay true wherever the whole is moved."""
        environment = dict(os.environ, PKG_CONFIG_PATH=str(self.pkgconfig))
        return wires.run("pkg-config", *arguments, "fourtuple", env=environment).split()

    def program(self, linking, name):
        return self.folder / f"{name}-{linking}"

    def environment(self, linking):
        """Only what is linked shared may need the library at run time."""
        return dict(os.environ, LD_LIBRARY_PATH=str(self.libraries)) if linking == "shared" else None

    def build(self, linking, name):
        compiler, source = PROGRAMS[name]
        path = self.folder / source if source == "echo.c" else HERE / source
        wires.run(compiler, *WARNINGS, *self.flags("--cflags"), path, "-o", self.program(linking, name),
                  *self.flags("--libs", *LINKINGS[linking]), cwd="/")

    def run(self, linking, name, *arguments):
        done = subprocess.run([self.program(linking, name), *arguments], timeout=60, text=True,
                              capture_output=True, env=self.environment(linking))
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr}"
        return done.stdout


# ---- what is there ----

def header_stands_alone(installed):
    headers = [path.name for path in installed.root.rglob("*.h")]
    assert headers == ["fourtuple.h"], headers


def library_has_a_soname(installed):
    dynamic = wires.run("readelf", "-d", installed.libraries / "libfourtuple.so")
    assert "Library soname: [libfourtuple.so.0]" in dynamic, dynamic
    assert (installed.libraries / "libfourtuple.so.0").resolve().is_file()
    assert (installed.libraries / "libfourtuple.a").is_file()


def library_shows_what_the_header_declares(installed):
    names = wires.run("nm", "-D", "--defined-only", installed.libraries / "libfourtuple.so")
    visible = {line.split()[2] for line in names.splitlines()}
    declared = declarations(installed.find("fourtuple.h").read_text())
    wanted = declared | NOT_OF_THE_HEADER
    assert len(declared) > 30, declared
    assert visible == wanted, f"too many: {visible - wanted}; missing: {wanted - visible}"


def declarations(header):
    code = re.sub(r"//.*", "", header)
    return set(re.findall(r"^[a-z].*?\b(ft_\w+)\(", code, re.MULTILINE))


def programs_have_manuals_and_start(installed):
    programs = sorted(path for path in installed.root.rglob("bin/*"))
    assert installed.find("ft-echo") in programs
    for program in programs:
        manual = installed.find(program.name + ".1")
        wires.run("man", "--warnings", "-l", manual, env=dict(os.environ, MANPAGER="cat"))
        said = wires.run(program, "--version")
        assert said.startswith(program.name + " "), said
    installed.find("fourtuple.conf.5")
    installed.find("fourtuple.conf")


def pkg_config_asks_for_nothing_else(installed):
    """To link shared: the library alone, and to compile: its header. DPDK is its own affair."""
    libraries = [flag for flag in installed.flags("--libs") if flag.startswith("-l")]
    assert libraries == ["-lfourtuple"], libraries
    flags = installed.flags("--cflags")
    include = installed.find("fourtuple.h").parent
    assert all(flag[:2] == "-I" and pathlib.Path(flag[2:]).resolve() == include for flag in flags), flags


# ---- an application outside the tree ----

def header_begins_with_an_echo_server(installed):
    """Takes it out of its comment, to be compiled."""
    comment = installed.find("fourtuple.h").read_text().split("A complete echo server:\n//\n")[1]
    lines = []
    for line in comment.split("\n//\n// cc echo.c")[0].splitlines():
        assert line == "//" or line.startswith("//\t"), line
        lines.append(line[3:])
    (installed.folder / "echo.c").write_text("\n".join(lines) + "\n")


def applications_compile(installed, linking):
    for name in PROGRAMS:
        installed.build(linking, name)


def linked_as_asked(installed, linking):
    needed = wires.run("readelf", "-d", installed.program(linking, "hello"))
    assert ("libfourtuple.so.0" in needed) == (linking == "shared"), needed
    assert linking == "shared" or "librte_" not in needed, needed


def applications_run(installed, linking):
    for name, says in {"hello": "hello from C\n", "hello_cpp": "hello from C++\n"}.items():
        said = installed.run(linking, name, *NO_WIRE)
        assert said == says, said


# ---- over a wire ----

def echo_answers_the_kernel(installed, linking):
    """And pings of 5000 bytes, in fragments, which af_packet would lose without drivers/fanout.c."""
    with wires.Wire("af_packet") as wire:
        command = [installed.program(linking, "echo"), "--config", wire.configuration(), "--name", wire.namespace]
        with open(wire.directory / "log", "w") as log:
            wire.program = subprocess.Popen(command, env=installed.environment(linking), stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        try:
            wires.wait_for(lambda: "is up" in wire.said() or not wire.is_running(), 60)
            wire.kernel_run("ping", "-c", "3", "-i", "0.2", "-w", "30", "-s", "5000", wire.OURS)
            for _ in range(2):
                echo_once(wire)
        finally:
            wire.program.send_signal(signal.SIGTERM)  # it knows no signals, and leaves its telemetry socket
            wire.program.wait(10)
            wire.program = None
            shutil.rmtree(f"/run/dpdk/{wire.namespace}", ignore_errors=True)


def echo_once(wire):
    with wire.kernel_socket(wires.socket.SOCK_STREAM) as peer:
        peer.connect((wire.OURS, 7))
        peer.sendall(b"hello" * 1000)
        peer.shutdown(wires.socket.SHUT_WR)
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
    assert answer == b"hello" * 1000, f"{len(answer)} bytes came back"


def checks(with_wire):
    yield from ((check, ()) for check in (
        header_stands_alone, library_has_a_soname, library_shows_what_the_header_declares,
        programs_have_manuals_and_start, pkg_config_asks_for_nothing_else,
        header_begins_with_an_echo_server))
    for linking in LINKINGS:
        for check in applications_compile, linked_as_asked, applications_run:
            yield check, (linking,)
        if with_wire:
            yield echo_answers_the_kernel, (linking,)


def main(build, with_wire):
    failed = False
    with tempfile.TemporaryDirectory(prefix="ft-delivery-") as folder:
        installed = Installed(build, pathlib.Path(folder))
        for check, arguments in checks(with_wire):
            name = " ".join(["delivery", check.__name__.replace("_", "-"), *arguments])
            try:
                check(installed, *arguments)
                print("ok", name, flush=True)
            except Exception as error:  # whatever it is, the next check is made
                failed = True
                print(f"FAIL {name}", *str(error).splitlines(), sep="\n    ", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], "--wire" in sys.argv[2:]))
