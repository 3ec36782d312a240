"""Counts the tests of test_state_*.c by state and event, and finds the holes: state_matrix.py FILE...

A name says state_event_outcome. Each test enters the state its name begins with, and ends with
ENDS_IN(), which asserts that nothing more was sent. Reported as TAP."""

import collections
import re
import sys

STATES = [
    "closed", "listen", "syn_sent", "syn_received", "established", "fin_wait_1", "fin_wait_2",
    "close_wait", "closing", "last_ack", "time_wait",
]
EVENTS = ["syn", "rst", "fin", "ack", "data", "urgent"]
WINDOWS = ["at_rcv_nxt", "in_window", "left_of_window", "right_of_window"]
WITHOUT_WINDOW = ["closed", "listen", "syn_sent"]  # nothing was received that could have a place
LEAST = 200

NAME = re.compile(rf"({'|'.join(STATES)})_({'|'.join(EVENTS)})_\w+")
TEST = re.compile(r"^static void (\w+)\(void \*\*state\)\n\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)


def wrong_with(name, body, registered):
    said = NAME.fullmatch(name)
    if not said:
        return f"{name} does not say state_event_outcome"
    if f"peer_enter(FT_TCP_{said[1].upper()});" not in body:
        return f"{name} does not begin in its state"
    if not re.search(r'ENDS_IN\("[A-Z0-9-]+"\);\n$', body):
        return f"{name} does not end with ENDS_IN()"
    if name not in registered:
        return f"{name} is never run"
    return None


def read(paths):
    names, wrong = [], []
    for path in paths:
        with open(path, encoding="ascii") as file:
            text = file.read()
        registered = re.findall(r"PEER_TEST\((\w+)\)", text)
        for name, body in TEST.findall(text):
            names.append(name)
            mistake = wrong_with(name, body, registered)
            wrong += [mistake] if mistake else []
    return names, wrong


def holes(names):
    for state in STATES:
        for event in EVENTS:
            found = [name for name in names if name.startswith(f"{state}_{event}_")]
            if not found:
                yield f"{state} has no test of {event}"
        if state in WITHOUT_WINDOW:
            continue
        for event in EVENTS:
            for window in WINDOWS:
                has = any(name.startswith(f"{state}_{event}_{window}_") for name in names)
                # An ACK at RCV.NXT is told by what it acknowledges.
                if not has and (event, window) != ("ack", "at_rcv_nxt"):
                    yield f"{state} has no test of {event} {window}"


def show(names):
    count = collections.Counter(NAME.fullmatch(name).groups() for name in names if NAME.fullmatch(name))
    print(f"# {'':14}" + "".join(f"{event:>8}" for event in EVENTS))
    for state in STATES:
        print(f"# {state:14}" + "".join(f"{count[state, event]:8}" for event in EVENTS))
    print(f"# {len(names)} tests")


def report(number, what, mistakes):
    print(f"{'not ok' if mistakes else 'ok'} {number} {what}")
    for mistake in mistakes:
        print(f"# {mistake}")
    return not mistakes


names, wrong = read(sys.argv[1:])
show(names)
results = [
    report(1, "every test is named, begins, ends and is run as it should", wrong),
    report(2, "every state has every event, in and out of the window", list(holes(names))),
    report(3, f"there are {LEAST} tests", [] if len(set(names)) >= LEAST else ["too few"]),
]
print("1..3")
sys.exit(0 if all(results) else 1)
