# SPDX-License-Identifier: Apache-2.0
"""`skyshim stats`: what it tells is what the store has counted, in all and for each job."""
import json
import math
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time

from case import Case, want
from cases.budget import Counted, requests
from cases.stream import soon

LATENCY_MS = 20
VERBS = {"HeadObject": "head", "GetObject": "get", "ListObjectsV2": "list", "PutObject": "put", "DeleteObject": "delete",
         "DeleteObjects": "delete_many", "CopyObject": "copy", "CreateMultipartUpload": "multipart_begin", "UploadPart": "part",
         "UploadPartCopy": "part_copy", "CompleteMultipartUpload": "complete"}
WORK = ("cat $D/small $D/none; ls -l $D/dir; head -c 20000000 /dev/zero >$D/large; cp $D/small $D/copy; mv $D/copy $D/moved; "
        "rm $D/moved; echo x >$D/new; true")


def stats(context, *options):
    """Once every request has ended: the bytes of one may be there a moment before."""
    def is_over():
        said = json.loads(context.run([context.skyshim, "stats", "--json"]).stdout)
        return sum(said["store_requests"].values()) == said["total"]["requests_total"]

    soon(is_over, "a request does not end")
    said = context.run([context.skyshim, "stats", "--json", *options])
    want(said.status == 0, said)
    return json.loads(said.stdout)


def by_verb(tally):
    count = {}
    for one in tally["requests"]:
        count[one["verb"]] = count.get(one["verb"], 0) + one["count"]
    return count


def seen_by(store):
    return {VERBS[verb]: count for verb, count in requests(store.stats()).items()}


def fill(counted):
    counted.store.put("budget", "small", b"small object\n")
    counted.store.put("budget", "dir/inside", b"inside\n")
    counted.store.reset()


def as_counted(context):
    """Requests, statuses and bytes are those that the store saw."""
    with Counted(context) as counted:
        fill(counted)
        counted.run(WORK)
        seen = counted.store.stats()
        said = stats(context)
        total = said["total"]
        want(by_verb(total) == seen_by(counted.store), f"{by_verb(total)} told, {seen_by(counted.store)} seen")
        want(total["requests_total"] == sum(seen_by(counted.store).values()) == sum(said["store_requests"].values()), total)
        want(total["stores"]["s3"]["bytes_out"] >= 20000000, total["stores"])
        want({one["status"] for one in total["requests"]} == {"2xx", "4xx"}, total["requests"])
        took = total["latency"]["get"]
        want(took["count"] == by_verb(total)["get"] and 0 < took["p50_us"] <= took["p90_us"] <= took["p99_us"] <= took["max_us"], took)
        below = [count for _, count in took["below_us"]]
        want(below == sorted(below) and below[-1] == took["count"], took)
        want(seen["bytes_out"] >= total["stores"]["s3"]["bytes_in"] > 0, f"{seen} {total['stores']}")
        want(0 <= total["hit_rate_names"] < 1 and total["programs"]["open"]["asked"] <= total["programs"]["open"]["served"], total)


def per_job(context):
    """What one job causes is not another's, also of what is uploaded and removed in the background."""
    with Counted(context) as counted:
        fill(counted)
        for script in ("cat $D/small", "cat $D/small", "for i in 1 2 3; do echo $i >$D/n$i; done; rm $D/n2; sh -c 'echo y >$D/n4'"):
            counted.run(script, SKYSHIM_DURABILITY="exit")
        first, second, third = stats(context)["jobs"]
        want(first["command"] == second["command"] == "sh -c cat $D/small" and first["id"] != second["id"], first)
        want(first["requests_total"] == 1 and first["bytes_in"] == 13 and second["requests_total"] == 0, f"{first} {second}")
        alone = stats(context, f"--job={third['id']}")
        want(by_verb(alone)["put"] == 4 and by_verb(alone).get("delete", 0) + by_verb(alone).get("delete_many", 0) == 1, alone)
        want(alone["requests_total"] == third["requests_total"] and alone["command"].startswith("sh -c for i"), alone)
        want(sum(job["requests_total"] for job in (first, second, third)) == stats(context)["total"]["requests_total"],
             "what somebody caused is nobody's")
        nested = counted.run(f"{context.skyshim} run cat $D/small")
        want(nested.stdout == b"small object\n" and len(stats(context)["jobs"]) == 4, "a run inside a run is another job")
        none = context.run([context.skyshim, "stats", "--job=1"])
        want(none.status == 1 and none.stderr == b"skyshim: there is no job 00000001 (any more)\n", none)
        want(context.run([context.skyshim, "stats", "--job=x"]).status == 2, "--job=x is taken")


def fetched_ahead(context):
    """What is fetched ahead counts for who walks through the directory."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", "bucket=budget&prefix=many/&count=100&size=1000")
        counted.run("cat $D/many/* >/dev/null")
        said = stats(context)
        want(said["ahead"]["files"]["fetched"] > 50, said["ahead"])
        want([job["requests_total"] for job in said["jobs"]] == [said["total"]["requests_total"]], f"{said['jobs']} {said['total']}")
        soon(lambda: stats(context)["jobs"] and stats(context, f"--job={said['jobs'][0]['id']}")["ahead"]["files"]["used"] > 50, "none is used")
        said = stats(context)
        want(said["total"]["ahead"] == said["ahead"], f"{said['total']['ahead']} {said['ahead']}")
        want(stats(context, f"--job={said['jobs'][0]['id']}")["ahead"] == said["ahead"], "it is another job's")
        page = context.run([context.skyshim, "stats", "--prometheus"]).stdout.decode()
        want(f'skyshim_ahead_total{{kind="files",state="fetched"}} {said["ahead"]["files"]["fetched"]}\n' in page, page)


def cost(context):
    """Requests and bytes times the prices of the configuration, of the bucket that they are about."""
    with Counted(context) as counted:
        fill(counted)
        config = "mkdir -p $HOME/.config/skyshim; cat >$HOME/.config/skyshim/config"
        context.run(["sh", "-c", f"{config} <<E\n[s3://]\nprice_write = 5\nprice_read = 2\nprice_egress = 1000000\n"
                     "[s3://budget]\nprice_write = 7\nE"])
        counted.run("cat $D/small; echo x >$D/new")
        count = by_verb(stats(context)["total"])
        want(count.pop("put") == 1 and count.pop("get") == 1, count)
        expected = 0.007 + 0.002 + 13 * 1e6 / 1e9 + 0.007 * count.pop("list", 0) + 0.002 * count.pop("head", 0)
        said = stats(context)["total"]["cost_usd_estimate"]
        want(math.isclose(said, expected, abs_tol=1e-8), f"{said}, not {expected}; {stats(context)['total']['requests']}")
        wrong = context.run(["sh", "-c", f"echo '[s3://]\nprice_read = cheap' >$HOME/.config/skyshim/config; {context.skyshim} run true"])
        want(b"config:2: price_read = cheap: write a number like 0.005, or 0" in wrong.stderr, wrong)


def faulty(context):
    """What is refused, sent again and slow is told as the store's log has it; no body's byte is left out."""
    with Counted(context) as counted:
        for number in range(40):
            counted.store.put("budget", f"dir/f{number:02}", b"%02d" % number * 500)
        counted.store.admin("POST", "config", f"latency_ms={LATENCY_MS}&fault=slowdown,verb=GetObject,rate=0.3,seed=7")
        counted.store.reset()
        result = counted.run("for f in $D/dir/*; do cat $f; done | wc -c; head -c 30000 /dev/zero >$D/new")
        want(result.stdout == b"40000\n", result)
        log = [entry for entry in json.loads(counted.store.admin("GET", "log")) if entry["verb"] in VERBS]
        refused = [entry for entry in log if entry["fault"] == "slowdown"]
        total = stats(context)["total"]
        by_status = {}
        for one in total["requests"]:
            by_status[one["status"]] = by_status.get(one["status"], 0) + one["count"]
        want(refused and by_status["5xx"] == total["retries"] == len(refused), f"{total}, but {len(refused)} were refused")
        want(total["requests_total"] == len(log) and total["errors"] == 0, f"{total}, {len(log)} in the log")
        seen = counted.store.stats()
        want(total["stores"]["s3"] == {"bytes_in": seen["bytes_out"], "bytes_out": seen["bytes_in"]}, f"{total['stores']}, {seen}")
        want(all(took["p50_us"] >= LATENCY_MS * 1000 for took in total["latency"].values()), total["latency"])
        want(total["latency"]["get"]["count"] == sum(entry["verb"] == "GetObject" for entry in log), total["latency"])


def at_the_end(context):
    """`run --stats` tells the same as `stats --job`, on stderr, and ends as the program does, also by a signal and a stop."""
    with Counted(context) as counted:
        fill(counted)
        env = {**counted.store.environment(), "D": counted.folder}

        def run(script):
            return context.run([context.skyshim, "run", "--stats", "sh", "-c", script], env=env)
        result = run("cat $D/small; exit 3")
        want(result.status == 3 and result.stdout == b"small object\n", result)
        said = result.stderr.decode()
        job = stats(context)["jobs"][0]["id"]
        want(said == context.run([context.skyshim, "stats", f"--job={job}"]).stdout.decode() and "  s3   13 B received, 0 B sent\n" in said, said)
        result = run("kill -TERM $$")
        want(result.status == -signal.SIGTERM and b"requests to stores\n" in result.stderr, result)
        result = run("trap 'echo told; exit 5' TERM; kill -TERM $PPID; while :; do sleep 0.01; done")
        want(result.status == 5 and result.stdout == b"told\n", f"SIGTERM is not passed on: {result}")
        result = context.run(["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh", context.skyshim, "run", "--stats", "sh", "-c", "exit 7"], env=env)
        want(result.status == 7, f"where SIGCHLD is ignored: {result}")
        result = run(f"{context.skyshim} run --stats true")
        want(result.status == 2 and b"belong to the outermost" in result.stderr, result)
        reader, writer = os.pipe()
        os.close(reader)
        child = subprocess.Popen([context.skyshim, "run", "--stats", "sh", "-c", "exit 6"], env=context.environment(env),
                                 stdout=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        want(child.wait() == 6, f"nobody reads what it tells: {child.returncode}")
        stopped(context, env)


def stopped(context, env):
    """A job that is stopped is so as a whole: a shell sees it, and whoever lets the parent go on lets the program. A program that is
    stopped alone is let go on alone."""
    def job(command):
        return subprocess.Popen([context.skyshim, "run", "--stats", "sh", "-c", command], env=context.environment(env), preexec_fn=own_group,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    for command in ("kill -TSTP 0; exit 4", "trap 'kill -STOP $$' TSTP; kill -TSTP 0; exit 4"):
        child = job(command)
        _, told = os.waitpid(child.pid, os.WUNTRACED)
        want(os.WIFSTOPPED(told), f"the program has stopped, who waits for it has not: {command}")
        child.send_signal(signal.SIGCONT)
        want(child.wait() == 4, child.returncode)
    for name in ("STOP", "TSTP"):
        child = job(f"echo $$; kill -{name} $$; exit 5")
        program = int(child.stdout.readline())
        wait_stopped(program)
        os.kill(program, signal.SIGCONT)
        want(child.wait(timeout=60) == 5, f"{name}: {child.returncode}")


def wait_stopped(pid):
    """Until it is: whoever waits for it had time to see it then, but need not have."""
    deadline = time.monotonic() + 60
    while True:
        with open(f"/proc/{pid}/stat", "rb") as file:
            if file.read().rpartition(b") ")[2][:1] == b"T":
                return
        want(time.monotonic() < deadline, f"{pid} does not stop")
        time.sleep(0.01)


def own_group():
    """As a shell starts a job."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)


class Attended:
    """`run --stats` of a program that says its number and stays; in a process group of its own, which a stop needs."""

    def __init__(self, context, env, *before):
        self.parent = subprocess.Popen([*before, context.skyshim, "run", "--stats", "sh", "-c", "echo $$; exec sleep 300"],
                                       env=context.environment(env), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=os.setpgrp)
        self.program = int(self.parent.stdout.readline())

    def wait_for(self, state):
        for _ in range(3000):
            with open(f"/proc/{self.program}/stat", encoding="ascii", errors="replace") as stat:
                if stat.read().rpartition(") ")[2][0] == state:
                    return True
            time.sleep(0.01)
        return False

    def end(self):
        """How the process ended; None as well as its program's number where that has not."""
        try:
            self.parent.wait(30)
            gone = select.select([self.parent.stdout], [], [], 30)[0]  # it alone can have that open
        except subprocess.TimeoutExpired:
            gone = False
        if not gone:
            os.kill(self.program, signal.SIGKILL)
            self.parent.kill()
            self.parent.wait()
        self.parent.stdout.close()
        return self.parent.returncode if gone else (None, self.program)


ALARMED = "import os, signal, sys; signal.alarm(1); os.execvp(sys.argv[1], sys.argv[1:])"


def late(context):
    """A signal that comes while it tells ends it as well, once it has told: the daemon's answer is kept back meanwhile."""
    with Counted(context) as counted:
        env = counted.store.environment()
        context.run([context.skyshim, "run", "true"], env=env)
        daemon = context.daemons()[0]
        child = subprocess.Popen([context.skyshim, "run", "--stats", "sh", "-c", f"kill -STOP {daemon}; exit 3"], env=context.environment(env),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            soon(lambda: tells(child.pid), "it does not tell")
            child.send_signal(signal.SIGWINCH)
            child.send_signal(signal.SIGTERM)
        finally:
            os.kill(daemon, signal.SIGCONT)
        said = child.communicate(timeout=60)[1]
        want(child.returncode == -signal.SIGTERM and b"requests to stores\n" in said, f"{child.returncode} {said}")


def tells(pid):
    """Has that process a child which tells?"""
    for child in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{child}/stat", "rb") as stat, open(f"/proc/{child}/cmdline", "rb") as line:
                if int(stat.read().rpartition(b") ")[2].split()[1]) == pid and line.read().startswith(b"skyshim\0ended\0"):
                    return True
        except (FileNotFoundError, ProcessLookupError):
            pass
    return False


def signalled(context):
    """Whatever ends the process that stays beside the program ends that, and what stops it stops that."""
    with Counted(context) as counted:
        env = counted.store.environment()
        context.run([context.skyshim, "run", "true"], env=env)
        for number in (signal.SIGKILL, signal.SIGALRM, signal.SIGPIPE, signal.SIGVTALRM, signal.SIGPROF, signal.SIGRTMIN + 3):
            attended = Attended(context, env)
            attended.parent.send_signal(number)
            end = attended.end()
            want(end == -number, f"signal {number}: {end}")
        end = Attended(context, env, sys.executable, "-c", ALARMED).end()
        want(end == -signal.SIGALRM, f"the alarm that was set before: {end}")
        attended = Attended(context, env)
        attended.parent.send_signal(signal.SIGTSTP)
        stopped = attended.wait_for("T")
        attended.parent.send_signal(signal.SIGCONT)
        went_on = attended.wait_for("S")
        attended.parent.send_signal(signal.SIGTERM)
        attended.parent.send_signal(signal.SIGCONT)
        end = attended.end()
        want(stopped and went_on and end == -signal.SIGTERM, f"stopped: {stopped}, went on: {went_on}, end: {end}")


NAME, LABEL = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{{LABEL}(?:,{LABEL})*\}})? (NaN|[+-]?(?:Inf|[0-9.]+(?:e[+-]?[0-9]+)?))")


def is_proper(page):
    """By the text format's description: of each name first HELP, then TYPE, then all its samples, none of them twice. Prometheus' own
    promtool looks as well where there is one."""
    seen, name, kind, asked = set(), "", "", {}
    for line in page.splitlines():
        if line.startswith("# "):
            _, word, name, rest = line.split(" ", 3)
            want(rest and word in ("HELP", "TYPE") and (word == "TYPE") == (asked.get(name) == 1), line)
            asked[name] = asked.get(name, 0) + 1
            kind = rest if word == "TYPE" else kind
            continue
        sample = SAMPLE.fullmatch(line)
        want(sample and asked[name] == 2, f"no sample: {line}")
        ends = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}[kind]
        want(any(sample.group(1) == name + end for end in ends), f"of another name: {line}")
        want(kind != "counter" or name.endswith("_total"), line)
        want(line.rpartition(" ")[0] not in seen, f"twice: {line}")
        seen.add(line.rpartition(" ")[0])
    if shutil.which("promtool"):
        said = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
        want(said.returncode == 0 and not said.stdout + said.stderr, said)


def prometheus(context):
    """The text is what Prometheus' own client library reads, and its numbers are those of --json."""
    from prometheus_client.parser import text_string_to_metric_families
    with Counted(context) as counted:
        fill(counted)
        counted.run(WORK)
        total = stats(context)["total"]
        job = stats(context)["jobs"][0]["id"]
        for options in ([], [f"--job={job}"]):
            said = context.run([context.skyshim, "stats", "--prometheus", *options])
            want(said.status == 0 and said.stdout.endswith(b"\n"), said)
            is_proper(said.stdout.decode())
            families = {family.name: family for family in text_string_to_metric_families(said.stdout.decode())}
            counted_by = {}
            for one in families["skyshim_store_requests"].samples:
                counted_by[one.labels["verb"]] = counted_by.get(one.labels["verb"], 0) + one.value
                want(one.labels.get("job") == (job if options else None), one)
            want(counted_by == by_verb(total), f"{counted_by}, not {by_verb(total)}")
            took = families["skyshim_store_request_duration_seconds"]
            want(took.type == "histogram" and families["skyshim_store_requests"].type == "counter", took)
            gets = [one for one in took.samples if one.labels["verb"] == "get"]
            last = [one for one in gets if one.labels.get("le") == "+Inf"][0]
            values = [one.value for one in gets if "le" in one.labels]
            want(values == sorted(values) and last.value == by_verb(total)["get"], gets)
            want(all(family.documentation and family.type != "unknown" for family in families.values()), families)


def people(context):
    with Counted(context) as counted:
        fill(counted)
        counted.run("cat $D/small")
        stats(context)
        said = context.run([context.skyshim, "stats"]).stdout.decode()
        want("  s3   get              2xx                 1\n" in said and "  s3   13 B received, 0 B sent\n" in said, said)
        want("sh -c cat $D/small\n" in said and "by list prices of" in said and "cache_files" in said, said)
        want(all(len(line) <= 200 for line in said.splitlines()), said)


CASES = [
    Case("stats/as-the-store-counts", check=as_counted),
    Case("stats/per-job", check=per_job),
    Case("stats/fetched-ahead", check=fetched_ahead),
    Case("stats/cost", check=cost),
    Case("stats/prometheus", check=prometheus),
    Case("stats/as-the-log-says", check=faulty),
    Case("stats/at-the-end", check=at_the_end),
    Case("stats/signalled", check=signalled),
    Case("stats/late", check=late),
    Case("stats/for-people", check=people),
]
