# SPDX-License-Identifier: Apache-2.0
"""A row of the table: what is done, what is wanted of it, and its runs by each way in turn."""
import contextlib
import os
import statistics
import subprocess
import time

import interrupt
import machine
import session as sessions
import ways

MIB = 1 << 20
SLOW_SECONDS = 30        # another than skyshim that takes longer is not run again
PEER_SECONDS = 100       # and at some time is stopped
QUICK_PEER_SECONDS = 20
POLL_SECONDS = 0.05
ERRORS = (OSError, RuntimeError, subprocess.SubprocessError)


class Row:
    """argv: words in which {M} is the folder with the bucket, {L} an empty local one, {S} what is written from."""

    def __init__(self, name, title, argv, **more):
        self.name, self.title, self.argv = name, title, argv
        self.need = more.pop("need", lambda session: None)        # the data is there
        self.raw = more.pop("raw", None)                          # of a session: words of a curl that does the same
        self.finish = more.pop("finish", None)                    # of a session: what is to be done after it, timed too
        self.warm = more.pop("warm", False)                       # the second time is measured
        self.known = more.pop("known", False)                     # its programs' copies are made before
        self.env = more.pop("env", {})                            # under skyshim
        self.local = more.pop("local", argv)                      # the words on local files, or None
        self.peers = more.pop("peers", True)                      # or why s3fs and rclone are not run
        self.pace = more.pop("pace", None)                        # (latency in ms, kB/s) instead of the usual one
        self.faults = more.pop("faults", ())
        self.clean_too = more.pop("clean_too", False)             # skyshim without the faults beside it
        self.written = more.pop("written", None)                  # of a session: (prefix, objects) that are in the bucket then
        self.check = more.pop("check", lambda session, place: None)  # RuntimeError if it is wrong
        self.settle_s = more.pop("settle_s", 0)                   # before each of skyshim's runs
        self.memory_bytes = more.pop("memory_bytes", 0)           # of the machine's, that a run fills: the store's and caches
        self.reaches = more.pop("reaches", ())
        self.watch = more.pop("watch", None)                      # of a session: more figures of a run, from the store's log
        self.runs_max = more.pop("runs_max", None)                # told with the number of runs
        if more:
            raise TypeError(f"no such settings: {', '.join(more)}")


class Result:
    """The runs of a row by one way: dictionaries with seconds, requests, bytes_out, bytes_in, verbs, peak_mib, cpu_seconds."""

    def __init__(self):
        self.runs = []
        self.clean_seconds = []
        self.note = ""     # why there is none
        self.failed = False

    def median(self, what):
        return statistics.median(run[what] for run in self.runs) if self.runs else None

    def worst(self, what):
        return max(run[what] for run in self.runs) if self.runs else None

    def slow(self):
        return any(run["seconds"] > SLOW_SECONDS for run in self.runs)

    def told(self):
        return {"n": len(self.runs), "note": self.note, "runs": self.runs, "clean_seconds": self.clean_seconds,
                "seconds": self.median("seconds"), "requests": self.worst("requests"),
                "moved_bytes": max((run["bytes_in"] + run["bytes_out"] for run in self.runs), default=None)}


# --- what is wanted: functions of the results by way, of (wanted, found, met) or None --------------------

def ratio(other, most):
    def judge(results):
        mine, theirs = (results[way].median("seconds") if way in results else None for way in ("skyshim", other))
        if mine is None or not theirs:
            return None
        return f"≤ {most} × {other}", f"{mine / theirs:.2f}", mine <= most * theirs
    return judge


def seconds(most):
    def judge(results):
        mine = results["skyshim"].median("seconds")
        return None if mine is None else (f"≤ {most} s", f"{mine:.2f} s", mine <= most)
    return judge


def moved(most_mib):
    def judge(results):
        mine = results["skyshim"].worst("bytes_out")
        return None if mine is None else (f"≤ {most_mib} MiB moved", f"{mine / MIB:.0f}", mine <= most_mib * MIB)
    return judge


def sent(most_mib):
    def judge(results):
        mine = results["skyshim"].worst("bytes_in")
        return None if mine is None else (f"≤ {most_mib} MiB sent", f"{mine / MIB:.0f}", mine <= most_mib * MIB)
    return judge


def copies(size, most=1):
    """A hundredth more is what a repeated request would be."""
    def judge(results):
        mine = results["skyshim"].worst("bytes_out")
        return None if mine is None else (f"≤ {most} copy fetched", f"{mine / size:.2f}", mine <= most * size * 1.01)
    return judge


def clean_ratio(most):
    def judge(results):
        mine = results["skyshim"]
        if not mine.runs or not mine.clean_seconds:
            return None
        found = mine.median("seconds") / statistics.median(mine.clean_seconds)
        return f"≤ {most} × fault-free, no error", f"{found:.2f}", found <= most
    return judge


# --- measuring -------------------------------------------------------------------------------------------

def words(session, row, place, argv):
    fill = {"{M}": place.root, "{L}": session.scratch, "{S}": session.source}
    filled = []
    for word in argv:
        for mark, path in fill.items():
            word = word.replace(mark, path)
        filled.append(word)
    return [*place.prefix, *filled]


def wait_uploaded(session, row, limit_s):
    """A close of rclone's does not wait. Returns the requests that the looking cost."""
    prefix, count = row.written(session)
    deadline = time.monotonic() + limit_s
    pages = 0
    while True:
        found = session.counted(prefix)
        pages += found // 1000 + 1
        if found >= count:
            return pages
        if time.monotonic() > deadline:
            raise sessions.TooSlow(limit_s)
        time.sleep(POLL_SECONDS)


def work(session, row, way, where, argv, limit_s):
    """One timed run at a place that is there. Returns its figures."""
    cpu = where.cpu_seconds()
    session.store.reset()
    began = time.monotonic()
    session.run(argv, limit_s, row.env if way == "skyshim" else None)
    polls = wait_uploaded(session, row, limit_s or 600) if row.written and way in ways.PEERS else 0
    if way == "curl" and row.finish:
        row.finish(session)
    took = time.monotonic() - began
    stats = session.quiet()
    if row.written and way in ("skyshim", "curl"):
        prefix, count = row.written(session)
        if session.counted(prefix) < count:
            raise RuntimeError(f"not all is in the bucket when {way} has ended")
    figures = {"seconds": took, "requests": stats["requests"] - polls, "bytes_out": stats["bytes_out"],
               "bytes_in": stats["bytes_in"], "verbs": {name: n for name, n in stats["verbs"].items() if n},
               "peak_mib": where.peak_mib(), "cpu_seconds": where.cpu_seconds() - cpu}
    if row.watch:
        figures.update(row.watch(session))
    return figures


def once(session, row, way, limit_s, faults):
    session.set_aside(session.scratch)
    os.mkdir(session.scratch)
    if row.written:
        session.without(row.written(session)[0])
    if session.sizes.scale == 1 and way == "skyshim":
        time.sleep(row.settle_s)
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(ways.place(session, way))
        argv = row.raw(session) if way == "curl" else words(session, row, where, row.local if way == "local" else row.argv)
        if row.known and way == "skyshim":
            session.ours(*words(session, row, ways.Place([], session.mirror), row.local))
        if row.warm:
            session.run(argv, limit_s)
        if row.pace:
            stack.enter_context(session.paced(*row.pace))
        for fault in faults:
            session.store.admin("POST", "config", "fault=" + fault)
        machine.touched(session.folder, row.memory_bytes)
        try:
            figures = work(session, row, way, where, argv, limit_s)
        finally:
            session.store.admin("POST", "config", "fault=none&discard=0")
        if way != "curl":
            row.check(session, where)
    return figures


def attempt(session, row, way, result, limit_s):
    """One run more, or the note that says why there is none."""
    try:
        result.runs.append(once(session, row, way, limit_s, row.faults))
        if row.clean_too and way == "skyshim":
            result.clean_seconds.append(once(session, row, way, limit_s, ())["seconds"])
    except sessions.TooSlow as slow:
        result.note = f"> {slow} s"
    except ERRORS as error:
        interrupt.check()
        result.note = "failed"
        result.failed = way not in ways.PEERS  # what others cannot do is no fault of this
        print(f"    {row.name}: {way}: {error}", flush=True)


def candidates(session, row, asked):
    """way: Result, and those of them that can be run."""
    results = {}
    for way in asked:
        result = results[way] = Result()
        if way == "local" and not row.local or way == "curl" and not row.raw:
            result.note = "–"
        elif way in ways.PEERS and row.peers is not True:
            result.note = row.peers
        else:
            result.note = ways.missing(way) or ""
    return results


def measure(session, row, asked):
    """Result by way, every one in turn, each round beginning with another."""
    row.need(session)
    results = candidates(session, row, asked)
    rounds = min(session.runs, row.runs_max or session.runs)
    for turn in range(rounds):
        able = [way for way in asked if not results[way].note and (turn < session.peer_runs or way not in ways.PEERS)]
        for way in able[turn % max(len(able), 1):] + able[:turn % max(len(able), 1)]:
            if way != "skyshim" and results[way].slow():
                continue
            attempt(session, row, way, results[way], session.peer_seconds if way in ways.PEERS else None)
    session.set_aside(session.scratch)
    if row.written:
        session.without(row.written(session)[0])
    return results
