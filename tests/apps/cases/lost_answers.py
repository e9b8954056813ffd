# SPDX-License-Identifier: Apache-2.0
"""Changes whose answers are lost or late, on the embedded store in Azure's and in Google's language; those of S3 are
among the cases fault/. What was carried out is no error, and nothing is there twice, or gone."""
import http.client
import os
import threading
import urllib.parse

import store as stores
from case import Case, want

LARGE_MB = 34  # three blocks
BUCKET = "lossy"
START = {
    "azure": lambda context: stores.start_azure(context.folder, context.world.build),
    "gcs": lambda context: stores.start_gcs(context.folder, context.world.build),
}


def damaged(language, command, rule):
    """command makes $D/new with the content of large, while the store obeys rule, and nobody notices."""
    def check(context):
        with open(f"{context.work}/large", "wb") as out:
            out.write(os.urandom(LARGE_MB << 20))
        store = START[language](context)
        try:
            store.make_bucket(BUCKET)
            store.put(BUCKET, "w/keep")
            store.put(BUCKET, "w/old", b"what was there before\n")
            if language == "azure":
                store.expect("PUT", store.path(BUCKET, "w/log"), headers={"x-ms-blob-type": "AppendBlob"})
                store.expect("PUT", store.path(BUCKET, "w/log"), b"one\n", query="comp=appendblock")
            context.store, context.cloud = store, f"{store.root}/{BUCKET}"
            env = {**store.environment(), "D": f"{store.root}/{BUCKET}/w"}
            store.admin("POST", "config", "fault=" + urllib.parse.quote(rule))
            result = context.run([context.skyshim, "run", "sh", "-ec", command], env=env, timeout=110)
            hit = sum(store.stats()["faults"].values())
            store.admin("POST", "config", "fault=none")
            want(hit, f"nothing was hit by {rule}: {store.stats()['verbs']}")
            want(result.status == 0 and not result.stderr, f"{rule}: {result}")
            with open(f"{context.work}/large", "rb") as source:  # as the command has left it
                want(store.get(BUCKET, "w/new") == source.read(), "other bytes are kept")
            left = context.run([context.skyshim, "recover", "--json"], env=env)
            want(left.stdout.strip() == b"[]", f"left to recover: {left}")
            if "log" in command:
                want(store.get(BUCKET, "w/log") == b"one\nmore\n", "it was appended twice, or not at all")
                want(store.head(BUCKET, "w/log").get("x-ms-blob-type") == "AppendBlob", "it is no append blob any more")
        finally:
            store.stop()
    return check


def append_others(store, ended):
    """Another program, behind what is appended there as soon as it is."""
    while not ended.wait(0.02):
        if store.get(BUCKET, "w/log").endswith(b"more\n"):
            try:
                store.expect("PUT", store.path(BUCKET, "w/log"), b"theirs\n", query="comp=appendblock")
            except (OSError, http.client.HTTPException):
                pass  # the rule is for everybody: carried out, and the answer lost
            return


def appended(command, rule, content, kind="AppendBlob", others=False):
    """command appends to $D/log and may fail while the store obeys rule, if there is one; afterwards all is there, and once."""
    def check(context):
        store = stores.start_azure(context.folder, context.world.build)
        ended = threading.Event()
        thread = threading.Thread(target=append_others, args=(store, ended))
        try:
            store.make_bucket(BUCKET)
            store.put(BUCKET, "w/keep")
            store.expect("PUT", store.path(BUCKET, "w/log"), headers={"x-ms-blob-type": "AppendBlob"})
            store.expect("PUT", store.path(BUCKET, "w/log"), b"one\n", query="comp=appendblock")
            context.store, context.cloud = store, f"{store.root}/{BUCKET}"
            env = {**store.environment(), "D": f"{store.root}/{BUCKET}/w"}
            store.admin("POST", "config", "fault=" + urllib.parse.quote(rule or "none"))
            if others:
                thread.start()
            first = context.run([context.skyshim, "run", "sh", "-c", command], env=env, timeout=110)
            if others:
                thread.join(60)
            want(rule or first.status == 0, f"without any fault: {first}")
            store.admin("POST", "config", "fault=none")
            for _ in range(5):
                tried = context.run([context.skyshim, "recover", "retry", "--all"], env=env)
                left = context.run([context.skyshim, "recover", "--json"], env=env)
                if left.stdout.strip() == b"[]":
                    break
            want(left.stdout.strip() == b"[]", f"left to recover: {left} {tried} {first}")
            found = store.get(BUCKET, "w/log")
            want(found == content, f"{len(found)} bytes {found[:80]}: it was appended twice, or not at all; {first}")
            type_now = store.head(BUCKET, "w/log").get("x-ms-blob-type")
            want(type_now == kind, f"it is a {type_now}")
            again = context.run([context.skyshim, "run", "sh", "-ec", "echo again >>$D/log; cat $D/log"], env=env)
            want(again.status == 0 and again.stdout == content + b"again\n", f"afterwards: {again}"[:400])
            want(store.get(BUCKET, "w/log") == content + b"again\n", "what came afterwards is not there")
        finally:
            ended.set()
            store.stop()
    return check


def lost(verb, count=1):
    return f"reset,verb={verb},at=0,count={count}"


NEW = "cp large $D/new"
MOVED = "cp large $D/a; mv $D/a $D/new"
NOT_OVER = "cp large $D/a; mv -n $D/a $D/new"
OVER = "cp large $D/a; echo before > $D/new; mv $D/a $D/new"
APPENDED = "echo more >>$D/log; cat $D/log >large; cp large $D/new"
EDITED = ("cp large $D/new; printf EDITED | dd of=$D/new bs=1 seek=17000000 conv=notrunc status=none; "
          "printf EDITED | dd of=large bs=1 seek=17000000 conv=notrunc status=none")
DAMAGE = {
    "azure/put": (NEW, lost("PutBlock", 2)),
    "azure/list-of-blocks": (NEW, lost("PutBlockList")),
    "azure/list-of-blocks-twice": (NEW, lost("PutBlockList", 2)),
    "azure/edited": (EDITED, "reset,verb=PutBlockList,at=0,skip=1,count=1"),
    "azure/delete": (MOVED, lost("DeleteBlob")),
    "azure/copy": (NOT_OVER, lost("CopyBlob")),
    "azure/copy-twice": (NOT_OVER, lost("CopyBlob", 2)),
    "azure/copy-over": (OVER, lost("CopyBlob")),
    "azure/chmod": (f"{NEW}; chmod 700 $D/new; chmod 750 $D/new", lost("SetBlobMetadata")),
    "azure/append": (APPENDED, lost("AppendBlock")),
    "azure/append-twice": (APPENDED, lost("AppendBlock", 2)),
    "azure/busy": (NEW, "slowdown,verb=PutBlock,count=3"),
    "azure/list-of-blocks-busy": (NEW, "internal,verb=PutBlockList,count=2"),
    "gcs/put": (NEW, lost("objects.insert", 2)),
    "gcs/chmod": (f"{NEW}; chmod 700 $D/new; chmod 750 $D/new", lost("objects.patch")),
    "gcs/copy": (NOT_OVER, lost("objects.rewrite")),
    "gcs/copy-twice": (NOT_OVER, lost("objects.rewrite", 2)),
    "gcs/copy-over": (OVER, lost("objects.rewrite")),
    "gcs/compose": (NEW, lost("objects.compose")),
    "gcs/compose-twice": (NEW, lost("objects.compose", 2)),
    "gcs/busy": (NEW, "slowdown,verb=objects.insert,count=3"),
    "gcs/compose-busy": (NEW, "internal,verb=objects.compose,count=2"),
}
# (An answer without a body, as Google's to a deletion, is lost in the cases resent/.)
CASES = [Case(f"lost/{name}", check=damaged(name.split("/", maxsplit=1)[0], *how), embedded_only=True) for name, how in DAMAGE.items()]
MORE = "echo more >>$D/log"
LONG = 6 << 20  # more than goes in one block
APPENDS = {
    "unanswered": (MORE, lost("AppendBlock", 30), b"one\nmore\n"),
    "unanswered-others-behind": (MORE, lost("AppendBlock", 30), b"one\nmore\ntheirs\n", "AppendBlob", True),
    "attributes-refused": (MORE, "internal,verb=SetBlobMetadata,count=30", b"one\nmore\n"),
    "long": (f"head -c {LONG} /dev/zero >>$D/log", "internal,verb=AppendBlock,skip=1,count=30", b"one\n" + bytes(LONG), "BlockBlob"),
    "edited": (f"set -e; printf TWO | dd of=$D/log conv=notrunc status=none; {MORE}; {MORE}", None, b"TWO\nmore\nmore\n", "BlockBlob"),
}
CASES += [Case(f"lost/azure/append-{name}", check=appended(*how), embedded_only=True) for name, how in APPENDS.items()]
