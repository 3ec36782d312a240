"""Tells what "meson test" found, a line for each program: meson_results.py BUILD_DIRECTORY.

A program that reports its cases (TAP, as cmocka writes with CMOCKA_MESSAGE_OUTPUT=TAP) is counted
by them: "ok ip-route [12]" stands for twelve. What failed is shown with its output."""

import json
import pathlib
import re
import sys

CASE = re.compile(r"^(not ok|ok) \d+( .*)?$", re.MULTILINE)


def count_cases(output):
    """(passed, failed, skipped) of TAP's lines; a skipped case may be "ok" or "not ok"."""
    passed = failed = skipped = 0
    for word, rest in CASE.findall(output):
        if "# skip" in rest.lower():
            skipped += 1
        elif word == "ok":
            passed += 1
        else:
            failed += 1
    return passed, failed, skipped


def tell(build, test):
    name = f"{build} {test['name']}"
    output = test.get("stdout", "") + test.get("stderr", "")
    result = test["result"]
    passed, failed, skipped = count_cases(test.get("stdout", ""))
    if result == "SKIP":
        skipped = max(skipped, 1)
    elif result != "OK":
        failed = max(failed, 1)  # it crashed or hung, and could not say which case
    elif passed + failed + skipped == 0:
        passed = 1
    if passed:
        print(f"ok {name} [{passed}]")
    if skipped:
        print(f"skip {name} [{skipped}]")
        for line in output.splitlines():
            if "skip" in line.lower():
                print("    " + line)
    if failed:
        print(f"FAIL {name} ({result}, exit status {test['returncode']}) [{failed}]")
        for line in output.splitlines():
            print("    " + line)


build = sys.argv[1]
log = pathlib.Path(build, "meson-logs", "testlog.json")
if not log.exists() or not log.read_text().strip():
    print(f"FAIL {build} has no tests of that suite")
else:
    for entry in log.read_text().splitlines():
        tell(build, json.loads(entry))
