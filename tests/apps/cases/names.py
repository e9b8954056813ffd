# SPDX-License-Identifier: Apache-2.0
"""Every key is reachable: those that no path can hold by the escape that README describes."""
import os
import uuid

from case import Case, want

# key: its path in the bucket. The content of each object is its key.
ESCAPED = {
    "a": "a", "a/b": "a/b", "a/c/d": "a/c/d",          # a is a file and, as a%~d, a folder
    "double//slash": "double/%~0/slash",
    "/leading": "%~0/leading",
    "//two-leading": "%~0/%~0/two-leading",
    "dots/./one": "dots/%~./one",
    "dots/../two": "dots/%~../two",
    "intro/%~0": "intro/%~~0",
    "intro/x%~y": "intro/x%~~y",
    "object-with-slash/": "object-with-slash/%~0",
    "plain/%41 +&=?#": "plain/%41 +&=?#",
    "long/" + "k" * 300: "long/" + "k" * 252 + "%~+/" + "k" * 48,
    "long/" + "k" * 255: "long/" + "k" * 255,
    "long/" + "k" * 300 + "/below": None,              # checked by content only
    "wide/" + "é" * 400: None,
}
# RADOS Gateway and S3 proper may refuse or normalise some of them; a refused key is not tested there.


def fill(context):
    bucket = f"names-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    context.store.make_bucket(bucket)
    stored = {}
    for key in ESCAPED:
        try:
            context.store.put(bucket, key, key.encode())
            stored[key] = ESCAPED[key]
        except RuntimeError:
            want(not context.store.embedded or not context.store.holds(key), f"the store refuses the key {key!r}")
    return f"{context.store.root}/{bucket}", stored


def by_path(context):
    root, stored = fill(context)
    for key, path in stored.items():
        if path is None:
            continue
        result = context.run([context.skyshim, "run", "cat", f"{root}/{path}"])
        want(result.stdout == key.encode() and result.status == 0,
             f"key {key[:60]!r} at {path[:60]!r}: {result.status} {result.stdout[:80]!r} {result.stderr!r}")
    both = context.run([context.skyshim, "run", "cat", f"{root}/a%~d/b", f"{root}/a%~d/c/d"])
    want(both.stdout == b"a/ba/c/d", f"a%~d: {both}")


def by_listing(context):
    """find meets every object once, and what it names can be read."""
    root, stored = fill(context)
    result = context.run([context.skyshim, "run", "sh", "-c",
                          f"cd {root} && find . -type f -exec sh -c 'for f; do cat \"$f\"; echo; done' - {{}} +"])
    found = sorted(result.stdout.decode().split("\n")[:-1])
    want(result.status == 0 and not result.stderr, f"find: {result.status} {result.stderr!r}")
    want(found == sorted(stored), f"missing {sorted(set(stored) - set(found))[:5]}, "
         f"too many {sorted(set(found) - set(stored))[:5]}, {len(found)} of {len(stored)}")


def directories(context):
    """A folder's marker is no file in it; an implicit folder is one; an emptied one is an empty one."""
    bucket = f"folders-{os.getpid()}-{id(context)}"
    store = context.store
    store.make_bucket(bucket)
    for key in ("marked/", "marked/inside", "empty/", "deep/er/marker/"):
        store.put(bucket, key, b"")
    result = context.run([context.skyshim, "run", "sh", "-c",
                          f"cd {context.store.root}/{bucket} && find . | sort && ls empty && stat -c %F empty deep deep/er/marker marked"])
    want(result.status == 0, str(result))
    want(result.stdout.decode().split("\n")[:-1] ==
         [".", "./deep", "./deep/er", "./deep/er/marker", "./empty", "./marked", "./marked/inside"] + ["directory"] * 4,
         f"got {result.stdout.decode()}")


def top_levels(context):
    """The root, the scheme and, where there are accounts above the buckets, the account."""
    root = context.store.root
    scheme = root.split("/")[2]
    levels = sorted({"/cloud", f"/cloud/{scheme}", root})
    result = context.run([context.skyshim, "run", "sh", "-c",
                          f"ls /cloud; ls {root} | grep -x {context.bucket}; cd /cloud && ls .{root[6:]}/{context.bucket}/media && pwd;"
                          f"stat -c '%F %a' {' '.join(levels)}; cd {scheme} && cd .. && cd .. && pwd"])
    lines = result.stdout.decode().split("\n")
    want(result.status == 0, str(result))
    want(scheme in lines and context.bucket in lines and "clip.mp4" in lines and "/cloud" in lines and
         lines.count("directory 755") == len(levels) and lines[-2] == "/", f"got {lines}")


def uris(context):
    bucket = context.store.root.removeprefix("/cloud/").replace("/", "://", 1)
    bucket += ("/" if "://" in bucket else "://") + context.bucket
    name = f"{bucket}/text/no-newline.txt"
    for path in (name, name.replace("//", "/", 1)):
        result = context.run([context.skyshim, "run", "cat", path])
        want(result.stdout == b"the last line has no end", f"{path}: {result}")
    result = context.run([context.skyshim, "run", "ls", f"{bucket}/media"])
    want(result.stdout == b"clip.mp4\nindex-at-end.mp4\n", f"ls: {result}")
    result = context.run([context.skyshim, "run", "cp", "-r", f"{bucket}/probe", "copy"])
    want(result.status == 0 and os.path.getsize(f"{context.work}/copy/small.txt") == 14, f"cp -r: {result}")


def many_pages(context):
    """A folder of more than one page lists each name once, whatever the size of the reader's buffer."""
    bucket = f"pages-{os.getpid()}-{id(context)}"
    context.store.make_bucket(bucket)
    for number in range(1203):
        context.store.put(bucket, f"many/n{number:04}", b"x")
    result = context.run([context.skyshim, "run", "sh", "-c",
                          f"ls {context.store.root}/{bucket}/many | sort -u | wc -l; find {context.store.root}/{bucket} -type f | wc -l;"
                          f"ls -l {context.store.root}/{bucket}/many | awk '$5 == 1' | wc -l"], timeout=60)
    want(result.stdout == b"1203\n1203\n1203\n", str(result))


def empty_bucket(context):
    bucket = f"empty-{os.getpid()}-{id(context)}"
    context.store.make_bucket(bucket)
    result = context.run([context.skyshim, "run", "sh", "-c",
                          f"ls -A {context.store.root}/{bucket} && cd {context.store.root}/{bucket} && find . && stat -c %F ."])
    want(result.stdout == b".\ndirectory\n" and result.status == 0, str(result))


def climbs_out(context):
    """A name that leads through the root and out of it again; beyond, the kernel follows what is a link."""
    result = context.run([context.skyshim, "run", "sh", "-c",
                          "mkdir -p up/down; ln -s up/down link; echo near >up/near; ls -la /cloud >list && grep -c ' \\.\\.$' list\n"
                          "cat /cloud/..$PWD/link/../near; /cloud/../bin/echo run; echo made >/cloud/s3/../..$PWD/made; cat made; cd /cloud/../etc; pwd"])
    want(result.stdout == b"1\nnear\nrun\nmade\n/etc\n" and result.status == 0 and not result.stderr, str(result))


CASES = [Case("names/climbs-out", check=climbs_out)]
CASES += [Case(f"names/{check.__name__.replace('_', '-')}", check=check)
         for check in (by_path, by_listing, directories, top_levels, uris, many_pages, empty_bucket)]
CASES += [
    Case("names/odd-cat", "cd $D/odd && for f in * .[!.]*; do if [ -f \"$f\" ]; then cat -- \"$f\"; else echo missing \"$f\"; fi; done"),
    Case("names/odd-find", "cd $D && find odd -type f -print0 | sort -z | od -c"),
    Case("names/odd-tar", "tar cf - --sort=name -C $D odd | tar xf - && ls odd | wc -l"),
    Case("names/odd-python", ["python3", "-c", "import os\nD=os.environb[b'D']+b'/odd/'\nfor n in sorted(os.listdir(D)): "
                              "print(n, open(D + n, 'rb').read(), os.stat(D + n).st_size)"]),
]
