# SPDX-License-Identifier: Apache-2.0
"""Compares a suite's results test by test, and sorts what differs.

A test that passes natively and not intercepted differs, and so does one that is skipped on one side only. What
differs is run again, on both sides, before it is called so: a test that fails natively, too, is unstable, and is
named as such. One that fails intercepted now and then, and never natively, differs.
"""
import concurrent.futures
import os
from dataclasses import dataclass, field

REPEATS = 3
SHOWN = 2500  # characters of a failing run's output


@dataclass
class Table:
    title: str
    tests: int = 0
    native: int = 0
    intercepted: int = 0
    seconds: dict = field(default_factory=lambda: {"native": 0.0, "intercepted": 0.0})
    differ: dict = field(default_factory=dict)      # name: what was seen
    unstable: dict = field(default_factory=dict)    # name: what was seen
    accepted: dict = field(default_factory=dict)    # name: the reason


def load_accepted():
    """{name: reason} of file `accepted`: a name, a tab, why. A name may end in `*`."""
    found = {}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "accepted"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.rstrip("\n").partition("\t")
                found[name] = reason.strip()
    return found


def reason_for(accepted, name):
    for pattern, reason in accepted.items():
        if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
            return reason
    return None


def agree(suite, native, intercepted):
    """Is this pair of outcomes what we want? What fails natively may do as it likes, but for hanging; a session of
    ours that fails natively is not written right."""
    if getattr(suite, "all_pass", False):
        return native == intercepted and native in ("pass", "skip")
    if native == intercepted:
        return True
    return native not in ("pass", "skip") and intercepted not in ("died", "timeout")


def same(suite, results):
    compare = getattr(suite, "same_output", None)
    return not compare or compare(results["native"][1], results["intercepted"][1])


def outcomes(suite, results):
    """{name: (native, intercepted)} of one part; a session's other output is an outcome of its own."""
    native, intercepted = results["native"][0], results["intercepted"][0]
    pairs = {name: (native.get(name, "absent"), intercepted.get(name, "absent")) for name in native | intercepted}
    if not same(suite, results):
        pairs = {name: (n, "other output" if i == n else i) for name, (n, i) in pairs.items()}
    return pairs


def repeat(suite, world, part, name):
    """Runs one test alone some times on both sides. Returns the two lists of outcomes."""
    seen = {"native": [], "intercepted": []}
    for _ in range(REPEATS):
        results = {side: suite.run(world, side, part, [name]) for side in seen}
        native, intercepted = outcomes(suite, results).get(name, ("absent", "absent"))
        seen["native"].append(native)
        seen["intercepted"].append(intercepted)
    return seen


def judge(suite, world, part, name, pair, table):
    seen = {"native": [pair[0]], "intercepted": [pair[1]]}
    if suite.can_repeat(name):
        again = repeat(suite, world, part, name)
        seen = {side: [seen[side][0], *again[side]] for side in seen}
    text = f"natively {', '.join(seen['native'])}; intercepted {', '.join(seen['intercepted'])}"
    if len(set(seen["native"])) > 1:
        table.unstable[name] = text
    else:
        table.differ[name] = text


def run_part(suite, world, part, clock):
    results, seconds = {}, {}
    for side in ("native", "intercepted"):
        began = clock()
        results[side] = suite.run(world, side, part)
        seconds[side] = clock() - began
    return part, results, seconds


def count(table, pairs, seconds):
    table.tests += len(pairs)
    table.native += sum(1 for native, _ in pairs.values() if native == "pass")
    table.intercepted += sum(1 for _, intercepted in pairs.values() if intercepted == "pass")
    for side, value in seconds.items():
        table.seconds[side] += value


def run_suite(suite, world, jobs, clock, say, accepted, logs):
    table = Table(suite.title)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = pool.map(lambda part: run_part(suite, world, part, clock), suite.parts)
        for part, results, seconds in waiting:
            pairs = outcomes(suite, results)
            count(table, pairs, seconds)
            bad = {name: pair for name, pair in pairs.items() if not agree(suite, *pair)}
            say(f"{suite.title}: {part}: {len(pairs)} tests, {len(bad)} differ "
                f"({seconds['native']:.1f} s, {seconds['intercepted']:.1f} s)")
            for name, pair in sorted(bad.items()):
                reason = reason_for(accepted, name)
                if reason:
                    table.accepted[name] = reason
                else:
                    judge(suite, world, part, name, pair, table)
            if bad:
                keep_logs(logs, suite.title, part, results)
    return table


def keep_logs(logs, title, part, results):
    for side, (_, output) in results.items():
        path = os.path.join(logs, f"{title}.{part}.{side}".replace(" ", "-"))
        with open(path, "w", encoding="utf-8") as out:
            out.write(output)
