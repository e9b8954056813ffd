# SPDX-License-Identifier: Apache-2.0
"""`run --trace=FILE`: a timeline in Chrome's trace event format, whole at any instant."""
import json
import os
import signal
import subprocess
import time

from case import Case, want
from cases.budget import Counted, requests
from cases.stats import VERBS, fill
from cases.stream import soon


def load(path, is_cut=False):
    """The events, checked for what viewers rely on. is_cut: it ended early, perhaps between the two ends of an arrow."""
    with open(path, encoding="utf-8") as text:
        events = json.load(text)["traceEvents"]
    named = {event["pid"] for event in events if event["ph"] == "M" and event["name"] == "process_name"}
    tracks, flows = {}, {}
    for event in events:
        want(event["pid"] in named, f"no name: {event}")
        if event["ph"] == "X":
            want(event["dur"] >= 0 and isinstance(event["ts"], int), event)
            tracks.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
        elif event["ph"] in "sf":
            flows.setdefault(event["id"], []).append(event["ph"])
        else:
            want(event["ph"] == "M", event)
    for track, spans in tracks.items():
        spans.sort()
        want(all(one[1] <= other[0] for one, other in zip(spans, spans[1:])), f"spans of {track} overlap: {spans}")
    last = flows.popitem()[1] if is_cut and flows else []
    want(all(pair == ["s", "f"] for pair in flows.values()) and last == ["s", "f"][:len(last)], f"{flows} {last}")
    return events


def spans(events, name):
    return [event for event in events if event["ph"] == "X" and event["name"] == name]


def all_bound(events):
    """Viewers hang both ends of an arrow on the span that is there then, and drop what finds none."""
    def is_bound(end):
        return any(span["pid"] == end["pid"] and span["tid"] == end["tid"] and span["ts"] <= end["ts"] <= span["ts"] + span["dur"]
                   for span in events if span["ph"] == "X")
    return all(is_bound(event) and event["cat"] == "flow" and event["name"] for event in events if event["ph"] in "sf")


def whole(context):
    """Each request that the store saw, each call with its path, at times that fit, and arrows between them."""
    with Counted(context) as counted:
        fill(counted)
        path = os.path.join(context.folder, "trace.json")
        odd = "sm\u00f8rrebr\u00f8d \"x\\"
        script = (f"cat $D/small; ls -l $D/dir >/dev/null; echo new >$D/'{odd}'; cat $D/small & cat $D/small & wait; "
                  "sh -c 'cat $D/none' 2>/dev/null; stat $D/bad$(printf '\\377') 2>/dev/null; true")
        before = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
        result = context.run([context.skyshim, "run", f"--trace={path}", "sh", "-c", script],
                             env={**counted.store.environment(), "D": counted.folder})
        after = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
        want(result.status == 0 and result.stdout == b"small object\n" * 3, result)
        seen = {VERBS[verb]: count for verb, count in requests(counted.store.stats()).items() if verb != "Other"}  # of a key that is none
        soon(lambda: all(len([span for span in spans(load(path), verb) if "connection" in span["args"]]) >= count
                         for verb, count in seen.items()), f"not all of {seen}")
        events = load(path)
        opened = [span["args"]["path"] for span in spans(events, "open") if "path" in span["args"]]
        want(f"s3/budget/{odd}" in opened and "s3/budget/small" in opened, opened)
        want(any(span["args"]["error"] == -2 for span in spans(events, "open")), "the error of a missing file is not shown")
        want(all(before - 1e6 <= event["ts"] and event["ts"] <= after for event in events if "ts" in event), "another clock")
        soon(lambda: all_bound(load(path)), "an arrow begins or ends outside of any span")
        get = [span for span in spans(events, "get") if span["args"]["key"] == "small"][0]
        want(get["args"]["status"] in (200, 206) and get["args"]["received"] == 13 and get["args"]["connection"] > 0, get)
        want(spans(events, "put")[0]["args"]["sent"] == 4, spans(events, "put"))
        arrow = [event for event in events if event["ph"] == "f" and event["ts"] == get["ts"]]
        want(arrow and arrow[0]["pid"] == get["pid"], f"no arrow to {get}")
        names = {event["args"]["name"] for event in events if event["ph"] == "M" and event["name"] == "process_name"}
        want({"sh", "cat", "ls", "skyshim daemon: requests"} <= names, names)
        text = open(path, encoding="utf-8").read()
        want(counted.store.secret_key not in text and "SECRET" not in text, "a secret is shown")
        plain = os.path.join(context.folder, "none.json")
        counted.run("cat $D/small")
        want(not os.path.exists(plain) and len(load(path)) == len(events), "another job is on it")


def killed(context):
    """Whole as well when the job, or the daemon, is killed in the middle."""
    with Counted(context) as counted:
        fill(counted)
        path = os.path.join(context.folder, "trace.json")
        env = context.environment({**counted.store.environment(), "D": counted.folder})
        job = subprocess.Popen([context.skyshim, "run", f"--trace={path}", "sh", "-c", "while :; do cat $D/small; stat $D/none; done"],
                               env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            soon(lambda: os.path.exists(path) and os.path.getsize(path) > 20000, "nothing is written")
        finally:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
        want(len(load(path)) > 50, "the job was killed")
        os.kill(context.daemons()[0], signal.SIGKILL)
        load(path)
        other = os.path.join(context.folder, "other.json")
        job = subprocess.Popen([context.skyshim, "run", f"--trace={other}", "sh", "-c", "while :; do cat $D/small; stat $D/none; done"],
                               env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            soon(lambda: os.path.exists(other) and os.path.getsize(other) > 10000, "nothing is written by the next daemon")
            for pid in context.daemons():
                os.kill(pid, signal.SIGKILL)
            load(other, is_cut=True)
        finally:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
        want(len(load(other, is_cut=True)) > 25, "the daemon was killed")
        soon(lambda: not context.run([context.skyshim, "stop"]).status, "the daemon does not stop")
        load(path)


def full_disk(context):
    """A file that cannot grow ends early, whole, with one line; the job goes on."""
    with Counted(context) as counted:
        fill(counted)
        os.mkdir(os.path.join(context.folder, "small"))
        script = ("mount -t tmpfs -o size=16k none $HOME/../small || exit 77; "
                  "\"$SKYSHIM\" run --trace=$HOME/../small/t.json sh -c 'for i in $(seq 100); do cat $D/small; echo x >$D/new; done' >out; "
                  "echo status $?; cp $HOME/../small/t.json .; wc -l <out; \"$SKYSHIM\" stop")
        result = context.run(["unshare", "-rm", "sh", "-c", script],
                             env={**counted.store.environment(), "D": counted.folder, "SKYSHIM": context.skyshim})
        if result.status == 77 or b"unshare" in result.stderr:
            print("trace/full-disk: no mounts here")
            return
        want(b"status 0\n100\n" in result.stdout, result)
        want(result.stderr.count(b"timeline") == 1 and b"the timeline (--trace) ends early: No space left" in result.stderr, result)
        want(10 < len(load(os.path.join(context.work, "t.json"), is_cut=True)) < 500, "it does not end early")


def refused(context):
    for name, what in (("/dev/null", b"skyshim: run: --trace wants an ordinary file, not /dev/null\n"),
                       ("/none/t", b"skyshim: --trace=/none/t: No such file or directory\n")):
        result = context.run([context.skyshim, "run", f"--trace={name}", "true"])
        want(result.status == 2 and result.stderr == what, result)


CASES = [
    Case("trace/whole", check=whole),
    Case("trace/killed", check=killed),
    Case("trace/full-disk", check=full_disk),
    Case("trace/refused", check=refused, needs_store=False),
]
