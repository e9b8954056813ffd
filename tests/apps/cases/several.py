# SPDX-License-Identifier: Apache-2.0
"""Several stores at once in one daemon, one of which takes requests and says nothing: who works with the others notices nothing of it."""
import os
import time

from case import Case, want
from cases.budget import LANGUAGES, requests
from cases.limits import configure

FILES = 24
CONNECTIONS = 88  # that a host gets
WAITING = 100

# Each of the other two stores: files at once, then what changes something. The readers of the silent one must be there before and after.
WORK = """
for i in $(seq {waiting}); do cat {silent}/r/$i >/dev/null 2>&1 & readers="$readers $!"; done
while ! test -e go; do sleep 0.02; done
for store in {others}; do
    for i in $(seq {files}); do cat $store/r/$i & ours="$ours $!"; done
done | sort | uniq -c
for store in {others}; do
    echo new >$store/w/new && mv $store/w/new $store/w/newer && cat $store/w/newer && ls $store/w/ && rm $store/w/newer
done
kill -0 $readers && echo they wait
kill -9 $readers
"""


def one_is_silent(silent, threads):
    def check(context):
        configure(context, f"io_threads = {threads}\n")
        stores, env = {}, {}
        try:
            for language, (start, _, _, reads) in LANGUAGES.items():
                folder = context.folder
                context.folder = os.path.join(folder, language)
                os.mkdir(context.folder)
                stores[language] = store = start(context)
                context.folder = folder
                store.reads = reads
                env.update(store.environment())
                store.make_bucket("several")
                store.put("several", "w/keep")
                for number in range(1, FILES + 1):
                    store.put("several", f"r/{number}", b"%s\n" % language.encode())
                store.reset()
            look_at(context, stores, silent, env)
        finally:
            for store in stores.values():
                store.stop()
    return check


def look_at(context, stores, silent, env):
    others = [language for language in stores if language != silent]
    stores[silent].admin("POST", "config", f"fault=mute,verb={stores[silent].reads}")
    folders = {language: f"{store.root}/several" for language, store in stores.items()}
    script = WORK.format(waiting=WAITING, silent=folders[silent], files=FILES, others=" ".join(folders[language] for language in others))
    process = context.start([context.skyshim, "run", "sh", "-c", script], env=env)
    # all that one host gets are taken
    deadline = time.monotonic() + 60
    while requests(stores[silent].stats()).get(stores[silent].reads, 0) < CONNECTIONS:
        want(time.monotonic() < deadline, f"{stores[silent].stats()}")
        time.sleep(0.05)
    with open(os.path.join(context.work, "go"), "w", encoding="ascii"):
        pass
    out, err = process.communicate(timeout=110)
    lines = [line.strip() for line in out.decode().split("\n") if line]
    want(lines == sorted(f"{FILES} {language}" for language in others) + ["new", "keep", "newer"] * 2 + ["they wait"], f"{lines} {err}")
    for language in others:
        made = requests(stores[language].stats())
        want(made[stores[language].reads] == FILES, f"{language}: {made}")


CASES = [
    Case("several/s3-is-silent", check=one_is_silent("s3", 3), embedded_only=True),
    Case("several/google-is-silent", check=one_is_silent("gcs", 1), embedded_only=True),
]
