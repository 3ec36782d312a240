"""Tells how many lines of stack/ the tests without root reach: coverage.py BUILD_DIRECTORY.

A line for each file that is not covered whole, the least covered first; then "ok" or "FAIL" with the
percentage of all."""

import json
import subprocess
import sys

WANTED_PERCENT = 90

report = json.loads(subprocess.run(
    ["gcovr", "--root", ".", "--filter", "stack/", "--json-summary", "-", sys.argv[1]],
    check=True, stdout=subprocess.PIPE).stdout)
for file in sorted(report["files"], key=lambda file: file["line_percent"]):
    if file["line_covered"] < file["line_total"]:
        print(f"    {file['line_percent']:5.1f} %  {file['line_covered']:4} of {file['line_total']:4}"
              f"  {file['filename']}")
percent = 100 * report["line_covered"] / max(report["line_total"], 1)
print("ok" if percent >= WANTED_PERCENT and report["files"] else "FAIL",
      f"coverage: {percent:.1f} % of the lines of stack/, {WANTED_PERCENT} % are wanted")
