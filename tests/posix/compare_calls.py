"""Runs the cases with the kernel's calls and with fourtuple's, and compares what they recorded:
compare_calls.py PROGRAM KNOWN_DIFFERENCES. Writes TAP: one result for each case, one for the file."""

import fnmatch
import subprocess
import sys


def transcript(program, side):
    """The lines of each case, by its name, in order."""
    run = subprocess.run([program, side], stdout=subprocess.PIPE, text=True, errors="replace")
    cases, lines = {}, []
    for line in run.stdout.splitlines():
        if line.startswith("== "):
            lines = cases.setdefault(line[3:], [])
        else:
            lines.append(line)
    if run.returncode != 0 or "end" not in cases:
        last = list(cases)[-1] if cases else "the beginning"
        print(f"Bail out! {side}: exit status {run.returncode} at {last}: {lines[-1:]}")
        sys.exit(1)
    del cases["end"]
    return cases


class Known:
    """One difference that may be, and must: in which cases, at which step, and both results. "? " before it: some
    kernels' alone, so it need not be."""

    def __init__(self, path):
        self.entries = {}  # (cases, step, kernel, fourtuple) -> the cases where it occurred
        self.of_some_kernels = set()  # of these
        self.faults = []
        reason = ""
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                reason = line.lstrip("# ") and reason + line if line else ""
                continue
            fields = tuple(field.strip() for field in line.removeprefix("? ").split(" | "))
            if len(fields) != 4 or not reason:
                self.faults.append(f"line {number}: four fields, below a reason, are wanted")
            else:
                self.entries[fields] = set()
                if line.startswith("? "):
                    self.of_some_kernels.add(fields)

    def has(self, case, step, kernel, fourtuple):
        found = False
        for entry in self.entries:
            cases, *rest = entry
            if rest == [step, kernel, fourtuple] and fnmatch.fnmatchcase(case, cases):
                self.entries[entry].add(case)
                found = True
        return found

    def untrue(self, cases):
        """Which entries speak of cases, of all these, where there is no such difference."""
        for entry, occurred in self.entries.items():
            matched = fnmatch.filter(cases, entry[0])
            if not occurred and entry in self.of_some_kernels:
                continue
            if not occurred:
                yield " | ".join(entry) + ": occurs nowhere"
            elif len(matched) > len(occurred):
                others = [case for case in matched if case not in occurred]
                yield " | ".join(entry) + ": not in " + " ".join(others)


def split(line):
    step, equals, result = line.partition(" = ")
    return step, result if equals else ""


def differences(case, kernel, fourtuple, known):
    """What is wrong with a case, in lines; none when nothing is."""
    wrong = []
    context = ""
    for at in range(max(len(kernel), len(fourtuple))):
        one = kernel[at] if at < len(kernel) else "(nothing)"
        two = fourtuple[at] if at < len(fourtuple) else "(nothing)"
        if one.startswith("PREPARATION FAILED") or two.startswith("PREPARATION FAILED"):
            wrong += [f"kernel:    {one}", f"fourtuple: {two}"]
            continue
        (step, result), (other_step, other_result) = split(one), split(two)
        if one == two:
            context = one if " = " not in one else context
        elif step != other_step:
            return wrong + [f"the courses part: kernel {one}, fourtuple {two}"]
        elif not known.has(case, step, result, other_result):
            wrong += [f"{context}", f"{case} | {step} | {result} | {other_result}"]
    return wrong


def report(number, name, wrong):
    print(f"{'not ok' if wrong else 'ok'} {number} {name}")
    for line in wrong:
        print(f"#   {line}")


program, known_path = sys.argv[1:]
known = Known(known_path)
kernel_cases = transcript(program, "kernel")
fourtuple_cases = transcript(program, "fourtuple")
failed = 0
number = 0
for number, case in enumerate(kernel_cases, 1):
    found = differences(case, kernel_cases[case], fourtuple_cases.get(case, []), known)
    report(number, case, found)
    failed += bool(found)
wrong = known.faults + list(known.untrue(kernel_cases))
report(number + 1, "known differences occur, in all cases they name", wrong)
failed += bool(wrong)
sys.exit(failed > 0)
