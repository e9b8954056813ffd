# SPDX-License-Identifier: Apache-2.0
"""What other tools keep with an object, metadata and content type, stays when the file is edited; and what that costs."""
from case import Case, want
from cases.budget import Counted

FIELDS = {"content-type": "text/x-edited", "cache-control": "max-age=60", "content-disposition": "inline", "content-language": "de"}
META = {"owner-of-data": "somebody else", "z": "1", "mode": "33184"}
LARGE = 20 << 20


def put(store, key, data):
    """As another tool does, with the standard fields, which are not signed."""
    old = store.send
    store.send = lambda method, target, body=b"", headers=None, fields=None: old(method, target, body, {**(headers or {}), **FIELDS}, fields)
    try:
        store.put("budget", key, data, META)
    finally:
        store.send = old


def check_kept(store, key, content, kept=True):
    head = store.head("budget", key)
    want(store.get("budget", key) == content, f"{key}: the content is wrong")
    told = {name: head.get(name) for name in FIELDS}
    user = {name: head.get(f"x-amz-meta-{name}") for name in ("owner-of-data", "z")}
    if kept:
        want(told == FIELDS and user == {"owner-of-data": "somebody else", "z": "1"} and int(head["x-amz-meta-mode"]) == 33184, f"{key}: {head}")
    else:
        want(not any(user.values()) and told["cache-control"] is None and told["content-type"] != FIELDS["content-type"], f"{key}: {head}")


def edits(size):
    """Each edit of an object of that size: by a program that has read it, and by one that has not."""
    base = b"content\n" + b"x" * size
    patch = "exec 3<>$D/{f}; printf CONT >&3; exec 3>&-"

    def check(context):
        with Counted(context) as counted:
            for f, command, content in (("append", "echo more >>$D/{f}", base + b"more\n"),
                                        ("read", "cat $D/{f} >/dev/null; echo more >>$D/{f}", base + b"more\n"),
                                        ("place", patch, b"CONT" + base[4:]),
                                        ("twice", patch + "; echo more >>$D/{f}; echo more >>$D/{f}", b"CONT" + base[4:] + b"more\nmore\n"),
                                        ("short", "truncate -s 3 $D/{f}", base[:3]),
                                        ("cut", "stat $D/{f} >/dev/null; head -c 30000000 /dev/zero >$D/{f}" if size else "cat $D/{f} >/dev/null; echo new >$D/{f}",
                                         b"\0" * 30000000 if size else b"new\n"),
                                        ("mode", "exec 3>>$D/{f}; echo more >&3; touch -d @5 $D/{f}; exec 3>&-", base + b"more\n")):
                put(counted.store, f, base)
                counted.run(command.format(f=f))
                check_kept(counted.store, f, content)
            put(counted.store, "sed", base)
            counted.run("sed -i s/content/CONTENT/ $D/sed")
            check_kept(counted.store, "sed", b"CONTENT" + base[7:], kept=False)  # a new file takes the name, as locally
            put(counted.store, "unknown", base)
            counted.run("echo new >$D/unknown")
            check_kept(counted.store, "unknown", b"new\n", kept=False)
    return check


def again(context):
    """By another daemon, which finds the file in the cache; and of an empty object, which only a listing has told of."""
    with Counted(context) as counted:
        for name, content in (("f", b"content\n"), ("empty", b""), ("listed", b"")):
            put(counted.store, name, content)
        counted.store.put("budget", "plain", b"content\n")
        counted.run("cat $D/f $D/plain; stat $D/empty")
        context.run([context.skyshim, "stop"])
        for name, content, heads in (("f", b"content\n", 1), ("empty", b"", 1), ("listed", b"", 1), ("plain", b"content\n", 0)):
            spent = counted.cost(f"ls $D/ >/dev/null; echo more >>$D/{name}")
            want(spent.get("HeadObject", 0) <= heads and spent.get("PutObject") == 1, f"{name}: {spent}")
            if name != "plain":
                head = counted.store.head("budget", name)
                want(all(head.get(field) == value for field, value in FIELDS.items()) and head.get("x-amz-meta-z") == "1"
                     and int(head["x-amz-meta-mode"]) == 33184, f"{name}: {head}")


def cost(context):
    """No request more than for an object that has none; nor for what was made here."""
    with Counted(context) as counted:
        put(counted.store, "f", b"content\n")
        counted.store.put("budget", "g", b"content\n")
        for name in ("f", "g"):
            spent = counted.cost(f"echo more >>$D/{name}")
            want(spent == {"GetObject": 1, "PutObject": 1}, f"{name}: {spent}")
            spent = counted.cost(f"echo more >>$D/{name}; cat $D/{name}; echo new >$D/{name}")
            want(spent == {"PutObject": 2}, f"{name} again: {spent}")
        counted.run("echo new >$D/new")
        spent = counted.cost("echo more >>$D/new; echo more >>$D/new")
        want(spent == {"PutObject": 2}, f"new: {spent}")


FULL = ("import os, sys\nf = os.open(os.environ['D'] + '/' + sys.argv[1], os.O_RDWR)\nos.ftruncate(f, int(sys.argv[2]) << 20)\n"
        "os.pwrite(f, b'more', 0)\nfor what in sys.argv[3:]:\n    try: exec(what)\n    except OSError as e: print(e.errno)\nos.close(f)\n")
XATTR = "os.setxattr(f, 'user.x', b'v' * 300)"


def full(size_mb):
    """Where the store has no room for ours beside theirs, the content arrives all the same, with a line; who asks for more
    than there is room for is told at once, and that changes nothing."""
    def check(context):
        with Counted(context) as counted:
            for name, others, more, said in (("own", 2047, [], b""), ("chmod", 2047, ["os.fchmod(f, 0o751)", "os.utime(f)"], b"28\n28\n"), ("xattr", 1800, [XATTR], b"28\n"),
                                             ("fits", 1400, [XATTR, "os.fchmod(f, 0o751)", XATTR.replace("x'", "y'"), "os.removexattr(f, 'user.x')"], b"28\n")):
                counted.store.put("budget", name, b"content\n", {"z": "1" * (others - 1)})
                result = context.run([context.skyshim, "run", "python3", "-c", FULL, name, str(size_mb), *more],
                                     env={**counted.store.environment(), "D": counted.folder})
                lines = [line for line in result.stderr.split(b"\n") if line]
                want(result.status == 0 and result.stdout == said, f"{name}: {result}")
                want(len(lines) == (others == 2047) and all(b"was stored without its mode and owner" in line for line in lines), f"{name}: {result}")
                head = counted.store.head("budget", name)
                want(len(head["x-amz-meta-z"]) == others - 1 and ("x-amz-meta-mode" in head) == (others != 2047) and "x-amz-meta-xattr" not in head, f"{name}: {head}")
                content = counted.store.get("budget", name)
                want(len(content) == size_mb << 20 and content.startswith(b"more"), f"{name}: {len(content)} bytes")
            want(context.run([context.skyshim, "recover", "--json"]).stdout.strip() == b"[]", "something is kept")
    return check


CASES = [Case("foreign/full", check=full(1)), Case("foreign/full-large", check=full(20)), Case("foreign/small", check=edits(0)), Case("foreign/large", check=edits(LARGE)), Case("foreign/again", check=again), Case("foreign/cost", check=cost)]
for case in CASES:
    case.embedded_only = True
