# SPDX-License-Identifier: Apache-2.0
"""Rows about writing; a time ends when the data is in the bucket or, locally, handed to the kernel (with fsync where it says so)."""
import hashlib
import os
import re

from rows import Row, seconds, sent
from ways import curl, transfer

MIB = 1 << 20
FILES_AT_ONCE = 32
PARTS_AT_ONCE = 16
PART_MIB = 16
MOVED = 10000
FLOOD_MIB = int(os.environ.get("FLOOD_MIB", "8192"))  # 51200 for the 50 GiB of docs/writing.md
SETTLE_S = 6  # ext4 steps over inodes deleted in the last five seconds, such as those of the cache before


def new_files(session):
    folder = os.path.join(session.source, "new")
    if os.path.exists(folder):
        return
    os.makedirs(folder)
    for number in range(session.sizes.files):
        with open(f"{folder}/f{number:06}", "wb") as out:
            out.write(os.urandom(4096))


def new_big(session):
    path = os.path.join(session.source, "new-big")
    if os.path.exists(path):
        return
    with open(path, "wb") as out:
        for _ in range(session.sizes.big_bytes // MIB):
            out.write(os.urandom(MIB))
        os.fsync(out.fileno())  # or the disk is busy with it later


def digest(path, offset=0, count=None):
    with open(path, "rb") as data:
        data.seek(offset)
        return hashlib.sha256(data.read(count)).hexdigest()


def in_bucket(session, key):
    return session.store.admin("GET", "sha256", f"bucket=bench&key={key}").decode()


def check_new(session, place):
    """A fast answer that is wrong is no figure."""
    if place.root == session.mirror:
        return
    last = f"new/f{session.sizes.files - 1:06}"
    if digest(f"{session.source}/{last}") not in in_bucket(session, last):
        raise RuntimeError(f"{last} is not what was written")


def check_big(session, place):
    if place.root == session.mirror:
        return
    with open(f"{session.source}/new-big", "rb") as data:
        wanted = hashlib.file_digest(data, "sha256").hexdigest()
    if wanted not in in_bucket(session, "new-big"):
        raise RuntimeError("new-big is not what was written")


def put_files(session):
    return curl(session, [transfer(session, f"new/f{i:06}", upload_file=f"{session.source}/new/f{i:06}")
                          for i in range(session.sizes.files)], FILES_AT_ONCE)


class Multipart:
    """An upload in parts, which are files beside the source, by curl; what it begins and ends with is asked for here."""

    def __init__(self):
        self.upload = None

    def argv(self, session):
        found = session.store.expect("POST", "/bench/new-big", query="uploads=").decode()
        self.upload = re.search("<UploadId>(.*?)</UploadId>", found).group(1)
        transfers = []
        for number, path in enumerate(self.parts(session), 1):
            transfers.append(transfer(session, f"new-big?partNumber={number}&uploadId={self.upload}", upload_file=path,
                                      output="/dev/null"))
        return curl(session, transfers, PARTS_AT_ONCE)

    @staticmethod
    def parts(session):
        """The files, made once."""
        count = -(-session.sizes.big_bytes // (PART_MIB * MIB))
        paths = [f"{session.source}/part{number}" for number in range(count)]
        with open(f"{session.source}/new-big", "rb") as data:
            for path in paths:
                if not os.path.exists(path):
                    with open(path, "wb") as out:
                        out.write(data.read(PART_MIB * MIB))
        return paths

    def finish(self, session):
        query = f"uploadId={self.upload}"
        listed = session.store.expect("GET", "/bench/new-big", query=query).decode()
        etags = re.findall("<ETag>(.*?)</ETag>", listed)
        parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in enumerate(etags, 1))
        text = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        session.store.expect("POST", "/bench/new-big", text.encode(), query=query)


def moved_source(session):
    session.without("moved")
    session.store.admin("POST", "generate", f"bucket=bench&prefix=moved/&count={MOVED // session.sizes.scale}&size=4096")


def rows(sizes):
    multipart = Multipart()
    mib = sizes.big_bytes // MIB

    def small(name, title, durability, reaches, **more):
        return Row(name, title, ["cp", "-r", "{S}/new", "{M}/new"], need=new_files, raw=put_files, check=check_new,
                   written=lambda session: ("new/", sizes.files), settle_s=SETTLE_S, env={"SKYSHIM_DURABILITY": durability},
                   reaches=reaches, **more)

    def need_big(session):
        new_big(session)
        multipart.parts(session)

    return [
        small("write", f"write {sizes.files} × 4 KiB, durable (exit)", "exit", [seconds(1.0)]),
        Row("write_big", f"write {mib} MiB, durable", ["dd", "if={S}/new-big", "bs=1M", "of={M}/new-big"], need=need_big,
            local=["dd", "if={S}/new-big", "bs=1M", "conv=fsync", "of={M}/new-big"], raw=multipart.argv, finish=multipart.finish,
            written=lambda session: ("new-big", 1), check=check_big, settle_s=SETTLE_S,
            memory_bytes=3 * sizes.big_bytes, reaches=[seconds(3)]),
    ]


def more_rows(sizes):
    """Of docs/writing.md; by name only."""
    mib = sizes.big_bytes // MIB

    def flood(name, count):
        return Row(name, f"write {count} MiB, discarded", ["dd", "if=/dev/zero", "bs=1M", "of={M}/flood", f"count={count}"],
                   local=None, peers="not run", need=lambda session: session.store.admin("POST", "config", "discard=1"),
                   written=lambda session: ("flood", 1), runs_max=1)

    def middle_need(session):
        session.generated("edited", f"key=edited&size={sizes.big_bytes}")
        new_big(session)

    return [
        Row("write_close", f"write {sizes.files} × 4 KiB, each durable when closed", ["cp", "-r", "{S}/new", "{M}/new"],
            need=new_files, check=check_new, written=lambda session: ("new/", sizes.files), settle_s=SETTLE_S, peers="as above",
            reaches=[seconds(25)]),
        Row("write_middle", f"1 MiB changed within {mib} MiB",
            ["dd", "if={S}/new-big", "bs=1M", "count=1", f"seek={mib // 2}", "conv=notrunc,fsync", "of={M}/edited"],
            need=middle_need, settle_s=SETTLE_S, peers="not run", reaches=[sent(32)]),
        Row("move", f"mv of a directory of {MOVED // sizes.scale}",
            ["sh", "-c", "if test -e {M}/moved; then mv {M}/moved {M}/moved.to; else mv {M}/moved.to {M}/moved; fi"],
            need=moved_source, local=None, settle_s=SETTLE_S, peers="not run", reaches=[seconds(10)]),
        flood("flood_eighth", FLOOD_MIB // 8),
        flood("flood", FLOOD_MIB),
    ]
