# SPDX-License-Identifier: Apache-2.0
"""The folder that programs are run on: made locally, then copied into a bucket object by object."""
import io
import os
import random
import sqlite3
import subprocess
import zipfile

PROBE_BIG = 3 * 1048576 + 123
WORDS = "cloud key bucket object prefix range etag part block lease journal marker syscall".split()
# Names that a local file system can hold as they are. What it cannot: cases/names.py.
ODD_NAMES = [
    "with space", "two  spaces", "plus+sign", "percent%41", "100%", "a&b=c?d", "#hash", "semi;colon",
    "quote'single", 'quote"double', "back\\slash", "tab\tinside", "new\nline", "dollar$HOME", "star*",
    "[brackets]", "{braces}", "tilde~", "-dash", ".hidden", "..two-dots", "comma,at@colon:", "UPPER",
    "ümläut-ß", "日本語", "😀", "e\u0301-decomposed", "n" * 255, "ü" * 127, "trailing ", "trailing.",
    "~%", "<angle>", "pipe|", "caret^", "back`tick",
]


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data if isinstance(data, bytes) else data.encode())


def text(seed, lines):
    rng = random.Random(seed)
    return "".join(" ".join(rng.choices(WORDS, k=rng.randint(3, 12))) + "\n" for _ in range(lines))


def make_text(root):
    for number in range(30):
        folder = ["", "a/", "a/b/", "a/b/c/", "z/"][number % 5]
        write(f"{root}/text/{folder}file{number:02}.txt", text(number, 20 + 37 * number))
    write(f"{root}/text/empty.txt", b"")
    write(f"{root}/text/no-newline.txt", b"the last line has no end")
    write(f"{root}/text/table.csv", "".join(f"{i},{i * i},{WORDS[i % 13]}\n" for i in range(2000)))
    write(f"{root}/text/script.sh", "#!/bin/sh\necho \"script: $# arguments, $1\"\nexit 3\n")


def make_binary(root):
    rng = random.Random(1)
    for name, size in (("tiny", 1), ("block", 65536), ("block+1", 65537), ("mega", 1048576),
                       ("three", 3 * 1048576 + 17), ("nine", 9 * 1048576 + 1)):
        write(f"{root}/binary/{name}.bin", rng.randbytes(size))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(zipfile.ZipInfo(f"inside/{number}.txt", (2024, 1, 2, 3, 4, 6)), text(number, 50))
    write(f"{root}/binary/archive.zip", packed.getvalue())
    database = f"{root}/binary/words.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("create table words(id integer primary key, word text, square integer)")
        connection.executemany("insert into words values(?, ?, ?)",
                               ((i, WORDS[i % 13], i * i) for i in range(20000)))
        connection.execute("create index by_word on words(word)")
    connection.close()


def make_probe(root):
    write(f"{root}/probe/small.txt", "hello skyshim\n")
    write(f"{root}/probe/empty", b"")
    write(f"{root}/probe/big.bin", bytes((i * 7 + i // 251) & 255 for i in range(PROBE_BIG)))
    write(f"{root}/probe/sub/deeper/x", "x\n")
    for number in range(40):
        write(f"{root}/probe/dir/f{number:03}", f"f{number:03}")


def make_media(root):
    os.makedirs(f"{root}/media")
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x180:r=25:d=4", "-f", "lavfi",
                    "-i", "sine=f=440:d=4", "-c:v", "mpeg4", "-q:v", "3", "-g", "10", "-c:a", "aac",
                    "-fflags", "+bitexact", "-movflags", "+faststart", f"{root}/media/clip.mp4"], check=True)
    # The index at the end: a reader has to seek.
    subprocess.run(["ffmpeg", "-v", "error", "-i", f"{root}/media/clip.mp4", "-c", "copy", "-fflags",
                    "+bitexact", f"{root}/media/index-at-end.mp4"], check=True)


def make_repository(root, folder):
    """A bare repository, to be cloned from."""
    env = {"PATH": "/usr/bin:/bin", "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a",
           "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a", "GIT_TEMPLATE_DIR": "",
           "GIT_COMMITTER_EMAIL": "a@example.org"}
    source = f"{folder}/repository"

    def git(*args):
        subprocess.run(["git", *args], check=True, env=env, stdout=subprocess.DEVNULL)

    git("init", "-q", "-b", "main", source)
    for number in range(3):
        write(f"{source}/file{number}.txt", text(number, 40))
        git("-C", source, "add", ".")
        git("-C", source, "commit", "-q", "-m", f"commit {number}")
    git("clone", "-q", "--bare", "--no-hardlinks", source, f"{root}/repository.git")
    # git wants the folder refs, even if all refs are packed; a bucket has no empty folders.
    write(f"{root}/repository.git/refs/heads/.keep", b"")


def make_tree(root, folder):
    make_text(root)
    make_binary(root)
    make_probe(root)
    make_media(root)
    make_repository(root, folder)
    for name in ODD_NAMES:
        write(f"{root}/odd/{name}", f"content of {name!r}\n")
    for top, folders, files in os.walk(root):
        for name in folders:
            os.chmod(os.path.join(top, name), 0o755)
            if not os.listdir(os.path.join(top, name)):
                os.rmdir(os.path.join(top, name))
        for name in files:
            os.chmod(os.path.join(top, name), 0o644)


def upload_tree(store, bucket, root):
    """Every file becomes the object of its path; the local file then gets the object's own time. What the store
    cannot hold is not there locally either."""
    for top, _, files in os.walk(root):
        for name in files:
            path = os.path.join(top, name)
            if not store.holds(name):
                os.remove(path)
                continue
            with open(path, "rb") as source:
                store.put(bucket, os.path.relpath(path, root), source.read())
    for key, seconds in store.times(bucket):
        path = os.path.join(root, key)
        if os.path.exists(path):
            os.utime(path, (seconds, seconds))
