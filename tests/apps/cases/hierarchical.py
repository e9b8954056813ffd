# SPDX-License-Identifier: Apache-2.0
"""Accounts of Azure with a hierarchical namespace, as the embedded store has them: directories are there by themselves, and a
rename is one request, also when its answer is lost or the daemon dies meanwhile."""
import os
import signal
import time
import urllib.parse

import store as stores
from case import Case, want
from relay import Relay

BUCKET = "tree"
LARGE = 8 << 20
WAIT_S = 60


class Account:
    """A store of the case's own, and what it has counted."""

    def __init__(self, context, *options):
        self.context = context
        self.store = stores.start_azure(context.folder, context.world.build, *(options or ("--azure-hierarchical",)))
        self.store.make_bucket(BUCKET)
        context.store, context.cloud = self.store, f"{self.store.root}/{BUCKET}"
        self.env = {**self.store.environment(), "D": context.cloud}
        self.forget()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.run([self.context.skyshim, "stop"], env=self.env)
        self.store.stop()

    def forget(self):
        self.store.admin("POST", "reset")

    def counted(self):
        return {verb: n for verb, n in self.store.stats()["verbs"].items() if n}

    def fault(self, rule):
        self.store.admin("POST", "config", "fault=" + urllib.parse.quote(rule))

    def run(self, command, status=0, env=None, said=b""):
        """Returns what it printed, and what it cost."""
        self.forget()
        result = self.context.run([self.context.skyshim, "run", "sh", "-c", command], env={**self.env, **(env or {})}, timeout=110)
        want(result.status == status and (result.stderr == said if isinstance(said, bytes) else said in result.stderr.decode()),
             f"{command}: {result}")
        return result.stdout, self.counted()

    def make_directory(self, path, **headers):
        """As another tool does."""
        self.store.expect("PUT", f"/{BUCKET}/{path}", query="resource=directory", headers=headers)

    def names(self):
        """All, directories with a slash; what is there under neither kind of name is not listed."""
        out, _ = self.run("cd $D; find . -mindepth 1 -type d -printf '%P/\\n' -o -printf '%P\\n' | sort")
        return out.decode().split()

    def left(self):
        return self.context.run([self.context.skyshim, "recover", "--json"], env=self.env).stdout.strip()


def no_marks(context):
    with Account(context) as account:
        _, cost = account.run("mkdir $D/d; mkdir -p $D/d/e/f; : >$D/d/file")
        want(cost.get("CreatePath") == 3 and cost.get("PutBlob") == 1, f"made: {cost}")
        want(cost.get("GetAccountInformation") == 1, f"asked what it is: {cost}")
        want(account.names() == ["d/", "d/e/", "d/e/f/", "d/file"], account.names())
        # such a name is refused by the store, so no answer may be one to it
        _, cost = account.run("mkdir $D/g; rmdir $D/g; rm -r $D/d; ls -A $D")
        want("GetAccountInformation" not in cost and cost.get("DeletePath") == 4, f"removed: {cost}")
        want(account.names() == [], account.names())


def of_others(context):
    with Account(context) as account:
        account.make_directory("theirs")
        account.make_directory("theirs/empty", **{"x-ms-properties": "mode=MTY4MzI="})  # 16832: 0700
        out, _ = account.run("ls -A $D/theirs/empty; stat -c '%F %a' $D/theirs/empty; ls $D/theirs; cat $D/theirs", status=1,
                             said=f"cat: {context.cloud}/theirs: Is a directory\n".encode())
        want(out == b"directory 700\nempty\n", out)
        out, cost = account.run("test -d $D/theirs/empty")
        want(sum(cost.values()) <= 1, f"to look at one: {cost}")
        account.run("chmod 0711 $D/theirs/empty; test $(stat -c %a $D/theirs/empty) = 711")
        context.run([context.skyshim, "stop"], env=account.env)
        account.run("test $(stat -c %a $D/theirs/empty) = 711; rmdir $D/theirs/empty; rmdir $D/theirs; ! test -e $D/theirs")
        # what somebody has put there in the meantime is not taken along
        account.run("mkdir $D/mine; ls $D/mine")
        account.store.put(BUCKET, "mine/theirs", b"x")
        account.run("rmdir $D/mine", status=1, said=f"rmdir: failed to remove '{context.cloud}/mine': Directory not empty\n".encode(),
                    env={"SKYSHIM_META_TTL_MS": "60000"})
        want(account.store.get(BUCKET, "mine/theirs") == b"x", "it is gone")


def empty_ones(context):
    """A listing without an entry does not tell what sort of account that is: a daemon that knows nothing yet looks at the directory."""
    with Account(context) as account:
        account.run("mkdir -p $D/d/e")
        for command, out in (("ls -A $D/d/e", b""), ("touch $D/d/e/x; rm $D/d/e/x", b""), ("mkdir $D/d/e/f; rmdir $D/d/e/f", b""),
                             ("cd $D/d/e; stat -c %F .", b"directory\n"), ("mv $D/d/e $D/d/f; mv $D/d/f $D/d/e", b"")):
            context.run([context.skyshim, "stop"], env=account.env)
            got, _ = account.run(f"set -e; {command}")
            want(got == out, f"{command}: {got}")
        context.run([context.skyshim, "stop"], env=account.env)
        account.store.put(BUCKET, "file", b"x")
        account.run("! ls $D/none 2>/dev/null && ! touch $D/none/x 2>/dev/null && ! touch $D/file/x 2>/dev/null")
        want(account.names() == ["d/", "d/e/", "file"], account.names())


def no_file_is_removed(context):
    """rmdir of what was a directory when it was looked at."""
    with Account(context) as account:
        account.run("mkdir $D/d; ls $D/d")
        account.store.expect("DELETE", f"/{BUCKET}/d", query="recursive=false")
        account.store.put(BUCKET, "d", b"a file\n")
        account.run("rmdir $D/d 2>/dev/null", status=1)
        want(account.store.get(BUCKET, "d") == b"a file\n", "it is gone")


def one_request(context):
    with Account(context) as account:
        account.run("mkdir -p $D/d/sub/empty; for i in 1 2 3 4 5 6 7 8; do echo $i >$D/d/sub/$i; done; chmod 750 $D/d/sub")
        _, cost = account.run("mv $D/d $D/e")
        want(cost.get("RenamePath") == 1 and not {"CopyBlob", "DeleteBlob", "BlobBatch", "PutBlob"} & set(cost), f"of a directory: {cost}")
        want(account.names() == ["e/", "e/sub/"] + [f"e/sub/{i}" for i in range(1, 9)] + ["e/sub/empty/"], account.names())
        out, _ = account.run("cat $D/e/sub/[0-9]; stat -c %a $D/e/sub; ls $D")
        want(out == b"1\n2\n3\n4\n5\n6\n7\n8\n750\ne\n", out)
        _, cost = account.run("chmod 640 $D/e/sub/1; mv $D/e/sub/1 $D/one")
        want(cost.get("RenamePath") == 1 and not {"CopyBlob", "DeleteBlob"} & set(cost), f"of a file: {cost}")
        out, _ = account.run("cat $D/one; stat -c %a $D/one; ! test -e $D/e/sub/1")
        want(out == b"1\n640\n", out)
        # over what is there, and not
        account.run("mv $D/e/sub/2 $D/one; test $(cat $D/one) = 2; mv -n $D/e/sub/3 $D/one; test $(cat $D/one) = 2; cat $D/e/sub/3 >/dev/null")
        account.run("mkdir $D/into; mv -T $D/e $D/into; test $(cat $D/into/sub/4) = 4")
        account.run("mkdir $D/full; : >$D/full/x; mv -T $D/into $D/full", status=1,
                    said=f"mv: cannot move '{context.cloud}/into' to '{context.cloud}/full': Directory not empty\n".encode())
        account.run("python3 -c 'import os; os.rename(\"/one\".join([os.environ[\"D\"], \"\"]), os.environ[\"D\"] + \"/full\")' 2>/dev/null", status=1)
        want("full/x" in account.names() and "into/sub/4" in account.names(), account.names())


EXCHANGE = """
import ctypes, os
d = os.environ["D"].encode()
libc = ctypes.CDLL(None, use_errno=True)
if libc.renameat2(-100, d + b"/a", -100, d + b"/b", 2):
    raise SystemExit(os.strerror(ctypes.get_errno()))
"""


def exchanged(context):
    with Account(context) as account:
        with open(f"{context.work}/exchange.py", "w", encoding="ascii") as out:
            out.write(EXCHANGE)
        account.run("mkdir -p $D/a/s $D/b/t; echo a >$D/a/s/f; echo b >$D/b/t/g")
        _, cost = account.run("python3 exchange.py")
        want(cost.get("RenamePath") == 3 and "CopyBlob" not in cost, cost)
        want(account.names() == ["a/", "a/t/", "a/t/g", "b/", "b/s/", "b/s/f"], account.names())


def while_open(context):
    """Who reads or writes below goes on."""
    with Account(context) as account:
        data = os.urandom(LARGE)
        for name in ("d/large", "d/other", "file"):
            account.store.put(BUCKET, name, data)
        account.run("""exec 3<$D/d/large 4<$D/file 5>>$D/d/log
            head -c 1000 <&3 >got; head -c 1000 <&4 >got2; echo one >&5
            mv $D/d $D/moved; mv $D/file $D/filed; echo two >&5
            cat <&3 >>got; cat <&4 >>got2; exec 5>&-; cat $D/moved/log; ! test -e $D/d""")
        for name in ("got", "got2"):
            with open(f"{context.work}/{name}", "rb") as got:
                want(got.read() == data, f"{name}: other bytes were read")
        want(account.names() == ["filed", "moved/", "moved/large", "moved/log", "moved/other"], account.names())
        want(account.store.get(BUCKET, "moved/log") == b"one\ntwo\n", "other bytes were written")
        want(account.left() == b"[]", account.left())


LOST = {
    "rename": ("echo x >$D/a; mv $D/a $D/b", "RenamePath", ["b"]),
    "rename-over": ("echo x >$D/a; echo y >$D/b; mv $D/a $D/b; test $(cat $D/b) = x", "RenamePath", ["b"]),
    "rename-new": ("echo x >$D/a; mv -n $D/a $D/b", "RenamePath", ["b"]),
    "rename-directory": ("mkdir -p $D/a/s; echo x >$D/a/s/f; mv $D/a $D/b", "RenamePath", ["b/", "b/s/", "b/s/f"]),
    "make": ("mkdir $D/a", "CreatePath", ["a/"]),
    "set": ("mkdir $D/a; chmod 700 $D/a; test $(stat -c %a $D/a) = 700", "SetPathProperties", ["a/"]),
    "remove": ("mkdir $D/a; rmdir $D/a; : >$D/b", "DeletePath", ["b"]),
}


def lost(command, verb, names):
    def check(context):
        with Account(context) as account:
            account.store.put(BUCKET, "known", b"")
            account.fault(f"reset,verb={verb},at=0,count=1")
            account.run(command)
            want(sum(account.store.stats()["faults"].values()) == 1, "no answer was lost")
            account.fault("none")
            account.store.delete(BUCKET, "known")
            want(account.names() == names, account.names())
            want(account.left() == b"[]", account.left())
    return check


def killed(is_done):
    """The daemon, while it waits for the answer: is_done: the service has renamed it then."""
    def check(context):
        with Account(context) as account:
            account.run("mkdir -p $D/d/sub; echo x >$D/d/sub/f")
            account.fault("slow-headers,verb=RenamePath,ms=5000,count=1" if is_done else "mute,verb=RenamePath,ms=60000,count=1")
            account.forget()
            moving = context.start([context.skyshim, "run", "sh", "-c", "mv $D/d $D/e"], env=account.env)
            for end in [time.monotonic() + WAIT_S]:
                while not account.counted().get("RenamePath"):
                    want(time.monotonic() < end, "nothing is asked for")
                    time.sleep(0.05)
            for pid in context.daemons():
                os.kill(pid, signal.SIGKILL)
            moving.communicate(timeout=WAIT_S)
            account.fault("none")
            account.run("for i in $(seq 100); do ls $D/e/sub/f >/dev/null 2>&1 && exit 0; sleep 0.2; done; exit 1")
            want(account.names() == ["e/", "e/sub/", "e/sub/f"], account.names())
            want(account.left() == b"[]", account.left())
    return check


NEW_ONLY = """
import ctypes, os, sys, time
folder, work = sys.argv[1:]
os.listdir(folder)
open(work + "/ready", "w").close()
while not os.path.exists(work + "/go"):
    time.sleep(0.02)
c = ctypes.CDLL(None, use_errno=True)
c.renameat2(-100, os.fsencode(folder + "/a"), -100, os.fsencode(folder + "/b"), 1)
print(os.strerror(ctypes.get_errno()))
"""


class Otherwise:
    """The daemon's end of a connection: that a path exists is told as a condition that is not met."""

    def __init__(self, client):
        self.client = client
        self.recv, self.shutdown, self.close = client.recv, client.shutdown, client.close

    def sendall(self, data):
        head, end, body = data.partition(b"\r\n\r\n")
        if b": PathAlreadyExists" in head:
            head = head.replace(b" 409 ", b" 412 ").replace(b": PathAlreadyExists", b": ConditionNotMet")
        self.client.sendall(head + end + body)


class Saying(Relay):
    def accepted(self, client):
        return Otherwise(client)


def taken(context):
    """Somebody else's gets a name that was to be new, after it was known to be free."""
    with Account(context) as account:
        relay = Saying(account.store)
        account.env.update(account.store.environment(relay.netloc))
        account.store.put(BUCKET, "a", b"ours\n")
        work = f"{context.folder}/w"
        moving = context.start([context.skyshim, "run", "python3", "-c", NEW_ONLY, context.cloud, work],
                               env={**account.env, "SKYSHIM_META_TTL_MS": "600000"})
        for end in [time.monotonic() + WAIT_S]:
            while not os.path.exists(f"{work}/ready"):
                want(time.monotonic() < end and moving.poll() is None, "it does not list the directory")
                time.sleep(0.02)
        account.store.put(BUCKET, "b", b"theirs\n")
        with open(f"{work}/go", "w", encoding="ascii"):
            out, said = moving.communicate(timeout=WAIT_S)
        relay.close()
        want(out == b"File exists\n", f"{out} {said}")
        want(account.store.get(BUCKET, "b") == b"theirs\n" and account.store.get(BUCKET, "a") == b"ours\n", "one is gone")


def configured(context):
    with Account(context) as account:
        folder = os.path.join(context.folder, "home", ".config", "skyshim")
        os.makedirs(folder)
        with open(os.path.join(folder, "config"), "w", encoding="ascii") as out:
            out.write(f"[az://{account.store.account}]\nhierarchical = true\n")
        _, cost = account.run("mkdir $D/d")
        want("GetAccountInformation" not in cost and cost.get("CreatePath") == 1, cost)
        found = context.run([context.skyshim, "detect", f"az://{account.store.account}/{BUCKET}"], env=account.env)
        want(found.status == 0 and b"hierarchical namespace     yes" in found.stdout, found)
        want(account.names() == ["d/"], f"left by detect: {account.names()}")
        with open(os.path.join(folder, "config"), "w", encoding="ascii") as out:
            out.write(f"[az://{account.store.account}]\nhierarchical = perhaps\n")
        account.run("mkdir $D/e", status=126, said="config:2")


def flat(context):
    """The question is asked once, and what is not hierarchical is as before."""
    with Account(context, "--azure") as account:
        _, cost = account.run("mkdir $D/d $D/e; mv $D/d $D/f; rmdir $D/e; : >$D/f/x; mv $D/f/x $D/y")
        want(cost.get("GetAccountInformation") == 1 and not {"RenamePath", "CreatePath", "DeletePath"} & set(cost), cost)
        want(account.names() == ["f/", "y"], account.names())
        found = context.run([context.skyshim, "detect", f"az://{account.store.account}/{BUCKET}"], env=account.env)
        want(found.status == 0 and b"hierarchical namespace     no" in found.stdout, found)
        # nor is more asked about what is not there, but the first time
        context.run([context.skyshim, "stop"], env=account.env)
        account.run("! touch $D/none/x 2>/dev/null", env={"SKYSHIM_META_TTL_MS": "0"})
        costs = [account.run(f"! touch $D/none/{i} 2>/dev/null", env={"SKYSHIM_META_TTL_MS": "0"})[1] for i in range(2)]
        want(costs[0] == costs[1] and "GetAccountInformation" not in costs[0] and costs[0].get("ListBlobs"), costs)


def two_hosts(context):
    """By the names that the service has, each with its own API, in this and in other clouds; all lead to the store by a proxy."""
    with Account(context) as account:
        parts = dict(part.split("=", 1) for part in account.store.connection.split(";"))
        for suffix in ("core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net"):
            env = {"http_proxy": f"http://{account.store.netloc}", "AZURE_STORAGE_CONNECTION_STRING":
                   f"DefaultEndpointsProtocol=http;AccountName={parts['AccountName']};AccountKey={parts['AccountKey']};EndpointSuffix={suffix}"}
            out, cost = account.run("mkdir $D/d; echo x >$D/d/f; mv $D/d $D/e; mv $D/e/f $D/g; cat $D/g; rmdir $D/e; rm $D/g; ls -A $D", env=env)
            want(out == b"x\n" and cost.get("RenamePath") == 2 and cost.get("DeletePath") == 1, f"{suffix}: {out} {cost}")
            want("CopyBlob" not in cost and "OtherOperation" not in cost, f"{suffix}: {cost}")


def refused(context):
    """Who may not ask what the account is takes it for a flat one, and sees when it is not."""
    with Account(context) as account:
        account.store.put(BUCKET, "d/file", b"x")
        account.fault("denied,verb=GetAccountInformation,count=1")
        account.run("mkdir $D/new")
        want(account.names() == ["d/", "d/file", "new/"], account.names())


CHECKS = {
    "no-marks": no_marks, "of-others": of_others, "empty": empty_ones, "no-file-is-removed": no_file_is_removed, "one-request": one_request,
    "exchange": exchanged, "while-open": while_open, "killed/before": killed(False), "killed/after": killed(True),
    "taken": taken, "configured": configured, "two-hosts": two_hosts, "flat": flat, "refused": refused,
    **{f"lost/{name}": lost(*what) for name, what in LOST.items()},
}
CASES = [Case(f"hierarchical/{name}", check=check, embedded_only=True) for name, check in CHECKS.items()]
