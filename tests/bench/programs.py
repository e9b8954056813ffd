# SPDX-License-Identifier: Apache-2.0
"""Rows of whole programs that jump about in files: stated beside local files and peers. The data is made here, by the programs
themselves, and uploaded as it is.
"""
import os
import random
import sqlite3
import subprocess

from rows import Row

MIB = 1 << 20
SEEKS = (3, 31, 57, 12, 88, 44, 71, 20)  # percent of the film
REGIONS = 20
CHROMOSOME = 5_000_000
READ_BASES = 100
QUERIES = 50
FOLDERS = 20


def made(session, *argv, **options):
    subprocess.run(argv, env=session.env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, **options)


# --- ffmpeg ------------------------------------------------------------------------------------------------

def film_seconds(sizes):
    return max(400 // sizes.scale, 20)


def film(session):
    """An MP4 of some 200 MiB with its index at the end, as cameras write it."""
    if "film.mp4" in session.there:
        return
    clip, whole = (os.path.join(session.source, name) for name in ("clip.mp4", "film.mp4"))
    made(session, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-t", "10", "-c:v", "mpeg4",
         "-b:v", "4M", "-minrate", "4M", clip)
    made(session, "ffmpeg", "-v", "error", "-stream_loop", str(film_seconds(session.sizes) // 10 - 1), "-i", clip, "-c", "copy",
         whole)
    session.uploaded("film.mp4", whole)


def remuxed(sizes):
    length = film_seconds(sizes)
    one = "ffmpeg -v error -nostdin -y -ss {at} -i {{M}}/film.mp4 -t 2 -c copy {{L}}/at{at}.mkv"
    return ["sh", "-ec", "; ".join(one.format(at=length * percent // 100) for percent in SEEKS)]


# --- samtools ------------------------------------------------------------------------------------------------

def alignments(session):
    """A sorted BAM of random reads, with its index."""
    if "reads" in session.there:
        return
    folder = os.path.join(session.source, "reads")
    os.makedirs(folder, exist_ok=True)
    count = max(400_000 // session.sizes.scale, 10_000)
    dice = random.Random(7)
    starts = sorted(dice.randrange(1, CHROMOSOME - READ_BASES) for _ in range(count))
    genome = "".join(dice.choices("ACGT", k=CHROMOSOME))
    with open(f"{folder}/reads.sam", "w", encoding="ascii") as out:
        out.write(f"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr1\tLN:{CHROMOSOME}\n")
        for number, start in enumerate(starts):
            quality = dice.randbytes(READ_BASES // 2).hex().upper()
            out.write(f"r{number}\t0\tchr1\t{start}\t60\t{READ_BASES}M\t*\t0\t0\t{genome[start - 1:start - 1 + READ_BASES]}\t"
                      f"{quality}\n")
    made(session, "samtools", "view", "-b", "-o", f"{folder}/reads.bam", f"{folder}/reads.sam")
    made(session, "samtools", "index", f"{folder}/reads.bam")
    os.remove(f"{folder}/reads.sam")
    session.uploaded("reads", folder)


def regions():
    starts = [1 + CHROMOSOME // REGIONS * (i * 7 % REGIONS) for i in range(REGIONS)]
    return ["sh", "-ec", "; ".join(f"samtools view -c {{M}}/reads/reads.bam chr1:{start}-{start + 2000}" for start in starts)]


# --- sqlite3 -------------------------------------------------------------------------------------------------

def database(session):
    if "words.sqlite" in session.there:
        return
    path = os.path.join(session.source, "words.sqlite")
    count = max(1_000_000 // session.sizes.scale, 10_000)
    dice = random.Random(11)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("create table words(id integer primary key, word text, filler text)")
        connection.executemany("insert into words values(?, ?, ?)",
                               ((i, dice.randbytes(8).hex(), dice.randbytes(30).hex()) for i in range(count)))
        connection.execute("create index by_word on words(word)")
    connection.close()
    session.uploaded("words.sqlite", path)


def queries(sizes):
    count = max(1_000_000 // sizes.scale, 10_000)
    one = "select word, (select count(*) from words b where b.word between a.word and a.word || 'z') from words a where id = {};"
    return ["sqlite3", "-readonly", "{M}/words.sqlite", " ".join(one.format(i * 7919 % count) for i in range(QUERIES))]


# --- git -------------------------------------------------------------------------------------------------------

def repository(session):
    """Committed and packed, but for the branch's name: no directory of git's may be empty, for the bucket would not have it. What
    is checked out has other times than git remembers, as after any upload, so git reads all of it."""
    if "repository" in session.there:
        return
    top = os.path.join(session.source, "repository")
    dice = random.Random(13)
    for number in range(session.sizes.files):
        path = f"{top}/d{number % FOLDERS:02}/f{number:04}.txt"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as out:
            out.write("\n".join(dice.randbytes(30).hex() for _ in range(35)) + "\n")
    for words in (["config", "--global", "safe.directory", "*"], ["config", "--global", "user.name", "nobody"],
                  ["config", "--global", "user.email", "nobody@example.com"], ["init", "-q", top],
                  ["-C", top, "config", "core.fileMode", "false"], ["-C", top, "add", "."], ["-C", top, "commit", "-qm", "all"],
                  ["-C", top, "repack", "-adq"]):
        made(session, "git", *words)
    session.uploaded("repository", top)


def status(_):
    return ["sh", "-ec", "git -C {M}/repository status --porcelain >{L}/status"]


def nothing_changed(session, _):
    with open(f"{session.scratch}/status", encoding="utf-8") as told:
        lines = told.read().splitlines()
    if lines:
        raise RuntimeError(f"git finds changes: {lines[0]}")


def rows(sizes):
    return [
        Row("ffmpeg", f"ffmpeg, {len(SEEKS)} parts cut out of a film", remuxed(sizes), need=film, known=True),
        Row("samtools", f"samtools view of {REGIONS} regions", regions(), need=alignments, known=True),
        Row("sqlite", f"sqlite3, {QUERIES} queries by index", queries(sizes), need=database, known=True),
        Row("git", f"git status, {sizes.files} files", status(sizes), need=repository, known=True, check=nothing_changed),
    ]
