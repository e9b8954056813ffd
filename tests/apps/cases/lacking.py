# SPDX-License-Identifier: Apache-2.0
"""Stores that only resemble S3: programs do not notice, it is found out once, and `skyshim detect` tells it."""
import json
import os
import re
import signal
import subprocess
import time
import urllib.parse

from case import Case, want
from store import GcsStore, start_embedded

BUCKET = "unlike"
SCRATCH = ".skyshim-detect-"

# word of the store's --lacks: (lines for the configuration, the lines of `detect` that say no, what is learned without it)
LACKS = {
    "conditions": (["conditional_put = false"], {"PUT If-None-Match: *", "PUT If-Match", "... with a condition",
                                                 "DELETE with a condition"}, "conditional_put = false"),
    "conditions-seen": (["conditional_put = false"], {"PUT If-None-Match: *", "PUT If-Match", "... with a condition",
                                                      "DELETE with a condition"}, ""),
    "bare-etag": (["etag_quotes = true"], set(), "etag_quotes = true"),
    "quoted-etag": ([], set(), ""),
    "list-v2": (["list_v2 = false"], {"ListObjectsV2"}, "list_v2 = false"),
    "list-v2-seen": ([], {"ListObjectsV2"}, ""),
    "batch-delete": (["batch_delete = false"], {"many deletions at once"}, "batch_delete = false"),
    "part-copy": (["part_copy = false"], {"copied parts"}, "part_copy = false"),
    "checks": ([], {"checked uploads"}, ""),
    "virtual-hosts": ([], {"bucket in the host's name"}, ""),
    "source-condition": ([], {"... of one version"}, ""),
    "copy": ([], {"copy by the service"}, ""),
}


class Unlike:
    """A store that lacks something, and programs that use it."""

    def __init__(self, context, *words, options=()):
        self.context = context
        folder = os.path.join(context.folder, "unlike")
        os.mkdir(folder)
        lacks = [option for word in words for option in ("--lacks", word)]
        self.store = start_embedded(context.world.build, folder, "--bucket", BUCKET, *lacks, *options)
        self.log = os.path.join(folder, "log")
        self.env = {**self.store.environment(), "AWS_ENDPOINT_URL_S3": self.store.endpoint.replace("127.0.0.1", "localhost"),
                    "SKYSHIM_LOG": f"warn:{self.log}", "SKYSHIM_META_TTL_MS": "0"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.stop()

    def run(self, script, **env):
        return self.context.run([self.context.skyshim, "run", "sh", "-ec", f"cd /cloud/s3/{BUCKET}; {script}"], env={**self.env, **env})

    def command(self, *words):
        return self.context.run([self.context.skyshim, *words], env=self.env)

    def configure(self, lines):
        folder = os.path.join(self.context.folder, "home", ".config", "skyshim")
        os.makedirs(folder)
        with open(os.path.join(folder, "config"), "w", encoding="ascii") as out:
            out.write("".join(line + "\n" for line in [f"[s3://{BUCKET}]", *lines]))

    def theirs(self, key):
        """Words of the shell: another client writes it."""
        return ("python3 - <<'E'\nimport sys; sys.path.insert(0, %r); from store import Store\n"
                "Store(%r, %r, %r).put(%r, %r, b'theirs\\n')\nE\n"
                % (os.path.dirname(os.path.dirname(os.path.abspath(__file__))), self.store.endpoint, self.store.access_key,
                   self.store.secret_key, BUCKET, key))

    def said(self):
        return open(self.log, encoding="utf-8").read() if os.path.exists(self.log) else ""

    def keys(self):
        """All, in the old way, which each of these stores has."""
        page = self.store.expect("GET", f"/{BUCKET}", query="encoding-type=url").decode()
        return sorted(urllib.parse.unquote_plus(key) for key in re.findall(r"<Key>(.*?)</Key>", page))

    def scratch(self):
        return [key for key in self.keys() if SCRATCH in key]


# Makes and lists, changes in the middle and at the end, has O_EXCL refuse, moves and removes.
SCRIPT = """mkdir d; echo one >d/a; echo two >d/b; set -C; (echo three >d/a) 2>/dev/null && echo overwritten; set +C
echo more >>d/a; cat d/a d/b; head -c 40000000 /dev/zero >d/big; printf x | dd of=d/big bs=1 seek=20000000 conv=notrunc 2>/dev/null
tr -d '\\0' <d/big; stat -c %s d/big; mv d e; ls e; chmod 600 e/a; stat -c %a e/a; mv e/a e/c; cat e/c; rm -r e; ls"""
SHOWN = b"one\nmore\ntwo\nx40000000\na\nb\nbig\n600\none\nmore\n"


def lacking(word):
    def check(context):
        with Unlike(context, word) as it:
            for _ in range(2):
                result = it.run(SCRIPT)
                want(result.status == 0 and result.stdout == SHOWN, result)
            learned = LACKS[word][2]
            told = json.loads(it.command("creds", "--json", f"s3://{BUCKET}").stdout)["quirks"] or ""
            want(told == learned, f"{told!r} is known, not {learned!r}")
            lines = [line for line in it.said().splitlines() if "the configuration's" in line]
            want(len(lines) == (1 if learned else 0) and all(learned in line for line in lines), f"the log says {lines}")
    return check


def other_etag(context):
    """Completing and copying, the service compares another ETag of objects of parts than it tells: what was refused for that is made
    after a look. Who was really there before is still seen."""
    with Unlike(context, "parts-etag") as it:
        edit = "printf %s | dd of=big bs=1 seek=20000000 conv=notrunc 2>/dev/null"
        result = it.run(f"head -c 40000000 /dev/zero >big; {edit % 'x'}; {edit % 'y'}; tr -d '\\0' <big; mv big moved; cp moved big; "
                        "chmod 600 big; stat -c '%a %s' big; tr -d '\\0' <big; rm moved")
        want((result.status, result.stdout, result.stderr) == (0, b"y600 40000000\ny", b""), result)
        lines = [line for line in it.said().splitlines() if "knows no If-Match of a" in line]
        want(len(lines) == 1, it.said())
        want(it.store.stats()["verbs"].get("UploadPartCopy", 0) >= 4, "the unchanged parts were sent, not copied")
        want(not it.store.expect("GET", f"/{BUCKET}", query="uploads=").count(b"<Upload>"), "an upload was left")
        result = it.run("exec 3<>big; dd if=/dev/zero bs=1 count=1 seek=20000000 conv=notrunc >&3 2>/dev/null; "
                        f"{it.theirs('big')}exec 3>&-; true")
        want(it.store.get(BUCKET, "big") == b"theirs\n", result)
        want(f"{BUCKET}/big".encode() in it.command("recover").stdout, "it is not kept")


def google_hmac(context):
    """Google Cloud Storage by an HMAC key: what is written in S3's language, with what Google's has not of it, is there in Google's own,
    and the other way round."""
    with Unlike(context, "batch-delete", "part-copy", options=["--gcs"]) as it:
        own = {**it.env, **GcsStore(it.store.endpoint).environment()}
        result = it.run(SCRIPT)
        want((result.status, result.stdout) == (0, SHOWN), result)
        result = it.run(f"mkdir d; echo by S3 >d/a; chmod 640 d/a; cat /cloud/gs/{BUCKET}/d/a; stat -c %a /cloud/gs/{BUCKET}/d/a; "
                        f"echo by JSON >>/cloud/gs/{BUCKET}/d/a; head -c 20000000 /dev/zero >/cloud/gs/{BUCKET}/d/big", **own)
        want((result.status, result.stdout, result.stderr) == (0, b"by S3\n640\n", b""), result)
        result = it.run("cat d/a; stat -c %s d/big; mv d/big d/moved; ls d")
        want((result.status, result.stdout, result.stderr) == (0, b"by S3\nby JSON\n20000000\na\nmoved\n", b""), result)
        told = it.command("creds", "test", f"s3://{BUCKET}")
        want(told.status == 0 and b"environment" in told.stdout and it.store.secret_key.encode() not in told.stdout, told)


def long_metadata(context):
    """Swift's way to say that a value is too long: not tried again, and told as any file system tells it."""
    with Unlike(context, "long-metadata") as it:
        result = it.run("echo x >f; setfattr -n user.one -v small f; setfattr -n user.two -v $(head -c 300 /dev/zero | tr '\\0' v) f", LC_ALL="C")
        want(b"No space left" in result.stderr and b"longer than 256" in result.stderr, result)
        want(it.store.stats()["status"].get("500", 0) == 1, it.store.stats())
        want(b'user.one="small"' in it.run("getfattr -d f").stdout, "what was there before is gone")


def configured(context):
    """What is said need not be found out."""
    with Unlike(context, "conditions", "list-v2", "batch-delete", "part-copy") as it:
        it.configure(["conditional_put = false", "list_v2 = false", "batch_delete = false", "part_copy = false"])
        result = it.run(SCRIPT)
        want(result.status == 0 and result.stdout == SHOWN, result)
        verbs = it.store.stats()["verbs"]
        want(not any(verbs.get(verb) for verb in ("DeleteObjects", "ListObjectsV2", "UploadPartCopy")), verbs)
        want(not it.said(), it.said())


def strict(context):
    """Who says that the service has conditions wants no weaker ones."""
    with Unlike(context, "conditions") as it:
        it.configure(["conditional_put = true"])
        result = it.run("set -C; echo x >new")
        want(result.status != 0 and b"NotImplemented" in result.stderr, result)
        want(not it.keys(), "it was written all the same")


def strict_copies(context):
    """The same of a copy that is refused for the version of its source."""
    with Unlike(context, "parts-etag") as it:
        it.configure(["conditional_put = true"])
        result = it.run("head -c 20000000 /dev/zero >big; mv big moved")
        want(result.status != 0 and it.keys() == ["big"], f"{it.keys()} {result}")


def other_writer(context):
    """Without conditions another's version is still seen, and both are kept."""
    with Unlike(context, "conditions") as it:
        it.store.put(BUCKET, "f", b"one\n")
        script = f"exec 3<>f; cat <&3; echo mine >&3; {it.theirs('f')}exec 3>&-; true"
        result = it.run(script)
        want(it.store.get(BUCKET, "f") == b"theirs\n", result)
        kept = it.command("recover")
        want(f"{BUCKET}/f".encode() in kept.stdout, kept)


def old_pages(context):
    """Many pages in the old way, with and without a hint where the next one begins."""
    for number, words in enumerate((["list-v2"], ["list-v2-seen"], ["list-v2", "next-marker"])):
        context.folder = os.path.join(context.folder, str(number))
        for name in ("home", "run", "cache", "w"):
            os.makedirs(os.path.join(context.folder, name))
        os.chmod(os.path.join(context.folder, "run"), 0o700)
        context.work = os.path.join(context.folder, "w")
        with Unlike(context, *words) as it:
            it.store.admin("POST", "generate", f"bucket={BUCKET}&prefix=n/&count=2300&size=1&fanout=1150")
            result = it.run("ls n | wc -l; find n -type f | wc -l; find n -type f | sort | uniq -d")
            want(result.status == 0 and result.stdout == b"2\n2300\n", (words, result))
            it.command("stop")


def detect(word):
    def check(context):
        with Unlike(context, word) as it:
            result = it.command("detect", "--json", f"s3://{BUCKET}/folder")
            want(result.status == 0, result)
            seen = json.loads(result.stdout)
            settings, lines, _ = LACKS[word]
            want(seen["settings"] == settings, seen["settings"])
            refused = {one["name"] for one in seen["capabilities"] if one["has"] is False}
            want(refused == lines, refused)
            want(not it.keys(), "it has left something")
            want(b"<UploadId>" not in it.store.expect("GET", f"/{BUCKET}", query="uploads="), "it has left an upload")
            plain = it.command("detect", f"s3://{BUCKET}")
            want(plain.status == 0 and all(f"\n    {line}\n".encode() in plain.stdout for line in settings), plain)
            want(not it.said(), it.said())
    return check


def detect_fails(context):
    """Where one may not write, or in the middle of it: said, and nothing stays."""
    with Unlike(context, options=["--denied-bucket", "denied"]) as it:
        for name, status in (("s3://denied", 1), ("s3://not-there", 1), ("s3://", 1), ("/etc", 2)):
            result = it.command("detect", name)
            want(result.status == status and b"skyshim: detect: " in result.stderr, result)
        for fault in ("denied,verb=CopyObject", "denied,verb=UploadPart", "internal,verb=GetObject", "denied,verb=DeleteObjects"):
            it.store.admin("POST", "config", "fault=" + fault)
        result = it.command("detect", "--json", f"s3://{BUCKET}")
        seen = json.loads(result.stdout)
        want(result.status == 1 and seen["error"] and not seen["left"], seen)
        want(not it.keys(), "it has left something")


def detect_interrupted(context):
    """Ctrl-C ends the command; the daemon clears away."""
    with Unlike(context, options=["--latency-ms", "60"]) as it:
        process = subprocess.Popen([context.skyshim, "detect", f"s3://{BUCKET}"], env=context.environment(it.env),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   # a runner in the background ignores it
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        deadline = time.monotonic() + 50
        while not it.scratch():
            want(process.poll() is None and time.monotonic() < deadline, "nothing is written")
        process.send_signal(signal.SIGINT)
        want(process.wait(30) == -signal.SIGINT, "it does not end")
        while it.scratch():
            want(time.monotonic() < deadline, "the scratch objects stay")
            time.sleep(0.1)


def detect_leftover(context):
    """What a daemon that was killed has left goes with the next one, when it is old."""
    with Unlike(context) as it:
        for key in (SCRATCH + "0123456789abcdef/a", "folder/" + SCRATCH + "0123456789abcdef/a", "kept"):
            it.store.admin("POST", "generate", f"bucket={BUCKET}&key={key}&size=1&mtime=1000000000")
        it.store.put(BUCKET, SCRATCH + "of-another-one-now/a", b"young")
        result = it.command("detect", f"s3://{BUCKET}")
        want(result.status == 0, result)
        names = it.keys()
        want(names == [SCRATCH + "of-another-one-now/a", "folder/" + SCRATCH + "0123456789abcdef/a", "kept"], names)


def detect_here(context):
    """On the store of these tests, whichever it is."""
    where = f"{context.store.root}/{context.world.bucket}{context.world.CHANGING}"
    result = context.run([context.skyshim, "detect", "--json", where])
    want(result.status == 0, result)
    seen = {one["name"]: one["has"] for one in json.loads(result.stdout)["capabilities"]}
    want(all(seen[name] for name in ("write and read", "user metadata", "PUT If-None-Match: *", "upload in parts",
                                     "copy by the service", "many deletions at once")), seen)
    want("ETag in If-Match" in seen and (seen["ETag in If-Match"] is None) == (context.store.root != "/cloud/s3"), seen)
    left = context.run([context.skyshim, "run", "ls", "-A", where])
    want(left.status == 0 and SCRATCH.encode() not in left.stdout, left)


CASES = [
    *(Case(f"lacking/{word}", check=lacking(word), embedded_only=True) for word in LACKS if word != "conditions-seen"),
    Case("lacking/configured", check=configured, embedded_only=True),
    Case("lacking/strict", check=strict, embedded_only=True),
    Case("lacking/strict-copies", check=strict_copies, embedded_only=True),
    Case("lacking/other-writer", check=other_writer, embedded_only=True),
    Case("lacking/other-etag", check=other_etag, embedded_only=True),
    Case("lacking/metadata", check=long_metadata, embedded_only=True),
    Case("lacking/google-hmac", check=google_hmac, embedded_only=True),
    Case("lacking/old-pages", check=old_pages, embedded_only=True),
    *(Case(f"detect/{word}", check=detect(word), embedded_only=True) for word in LACKS),
    Case("detect/fails", check=detect_fails, embedded_only=True),
    Case("detect/interrupted", check=detect_interrupted, embedded_only=True),
    Case("detect/leftover", check=detect_leftover, embedded_only=True),
    Case("detect/here", check=detect_here),
]
