# SPDX-License-Identifier: Apache-2.0
"""What is in the bucket, by the vendor's own client, and whether it is what a local file system has."""
import base64
import json
import os
import stat
import subprocess
import time
from urllib.parse import unquote

import boto3
from botocore.config import Config

RECENT_SECONDS = 120
AZURE_CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "azure", "client")
LONG_AGO_SECONDS = 3600  # a time that is so old was set by somebody


class Server:
    """By boto3."""

    def __init__(self, store, bucket):
        self.bucket = bucket
        self.client = boto3.client(
            "s3", endpoint_url=store.endpoint, aws_access_key_id=store.access_key,
            aws_secret_access_key=store.secret_key, region_name=store.region,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))

    def make_bucket(self):
        self.client.create_bucket(Bucket=self.bucket)

    def put(self, key, data):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def keys(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [one["Key"][len(prefix):] for page in pages for one in page.get("Contents", ())]

    def get(self, key):
        """(content, user metadata)"""
        answer = self.client.get_object(Bucket=self.bucket, Key=key)
        return answer["Body"].read(), answer["Metadata"]

    def uploads(self):
        return [one["Key"] for one in self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ())]

    def close(self):
        """Nothing to end."""


class AzureServer:
    """By @azure/storage-blob."""

    def __init__(self, store, bucket):
        self.bucket = bucket
        self.process = subprocess.Popen(["node", AZURE_CLIENT, bucket], env={**os.environ, **store.environment()},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what, **more):
        self.process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the client ended with status {self.process.wait()}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def make_bucket(self):
        self.ask("make")

    def put(self, key, data):
        self.ask("put", key=key, data=base64.b64encode(data).decode())

    def keys(self, prefix):
        return [key[len(prefix):] for key in self.ask("keys", key=prefix)]

    def get(self, key):
        """(content, user metadata)"""
        answer = self.ask("get", key=key)
        return base64.b64decode(answer["data"]), answer["metadata"]

    def uploads(self):
        return self.ask("uncommitted")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class GcsServer:
    """By the store's own requests: tests/apps/store.py."""

    def __init__(self, store, bucket):
        self.store, self.bucket = store, bucket

    def make_bucket(self):
        self.store.make_bucket(self.bucket)

    def put(self, key, data):
        self.store.put(self.bucket, key, data)

    def keys(self, prefix):
        return [name[len(prefix):] for name in self.store.names(self.bucket, prefix)]

    def get(self, key):
        """(content, user metadata)"""
        metadata = json.loads(self.store.expect("GET", self.store.path(self.bucket, key))).get("metadata", {})
        return self.store.get(self.bucket, key), metadata

    def uploads(self):
        return self.store.names(self.bucket, ".skyshim-parts/")

    def close(self):
        """Nothing to end."""


def file_content(path):
    """(what is in it, its extended attributes). Of a symbolic link, its target: so it is stored. A check may have
    left its owner no leave to read it."""
    if os.path.islink(path):
        return os.fsencode(os.readlink(path)), user_xattrs(path)
    mode = stat.S_IMODE(os.stat(path).st_mode)
    try:
        os.chmod(path, mode | stat.S_IRUSR)
        with open(path, "rb") as source:
            return source.read(), user_xattrs(path)
    finally:
        os.chmod(path, mode)


def walk(top):
    """(folder, its status, its folders, all else in it), also of folders that their owner may not enter."""
    status = os.lstat(top)
    os.chmod(top, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
    try:
        entries = list(os.scandir(top))
        folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        yield top, status, folders, [entry.name for entry in entries if entry.name not in folders]
        for name in folders:
            yield from walk(os.path.join(top, name))
    finally:
        os.chmod(top, stat.S_IMODE(status.st_mode))


def user_xattrs(path):
    """{name: base64}"""
    return {name: base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode()
            for name in os.listxattr(path, follow_symlinks=False) if name.startswith("user.")}


def local_tree(folder):
    """{path: (status, content or None, extended attributes)}; of folders only those that are empty, with a slash, and those whose
    permissions are not the usual ones."""
    found = {}
    for top, status, folders, others in walk(folder):
        for name in others:
            path = os.path.join(top, name)
            found[os.path.relpath(path, folder)] = (os.lstat(path), *file_content(path))
        if top != folder and (not folders and not others or stat.S_IMODE(status.st_mode) != 0o755):
            found[os.path.relpath(top, folder) + "/"] = (status, None, user_xattrs(top))
    return found


def number(text):
    return int(text.split(".")[0])


def nanoseconds(text):
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))


def wrong_metadata(status, metadata, usual_mode):
    """What an object's own metadata tells otherwise than the local file."""
    mode = int(metadata.get("mode", usual_mode))
    if stat.S_IMODE(mode) != stat.S_IMODE(status.st_mode):
        yield f"mode {stat.S_IMODE(mode):o}, locally {stat.S_IMODE(status.st_mode):o}"
    if stat.S_IFMT(mode) != stat.S_IFMT(status.st_mode) and (stat.S_IFMT(mode) or stat.S_ISLNK(status.st_mode)):
        yield f"file type {stat.S_IFMT(mode):o}, locally {stat.S_IFMT(status.st_mode):o}"
    for name, local, own in (("uid", status.st_uid, os.geteuid()), ("gid", status.st_gid, os.getegid())):
        if int(metadata.get(name, own)) != local:
            yield f"{name} {metadata.get(name, 'not there')}, locally {local}"
    if time.time() - status.st_mtime > LONG_AGO_SECONDS:
        if "mtime" not in metadata or nanoseconds(metadata["mtime"]) != status.st_mtime_ns:
            yield f"mtime {metadata.get('mtime', 'not there')}, locally {status.st_mtime_ns}"
    elif "mtime" in metadata and abs(number(metadata["mtime"]) - status.st_mtime) > RECENT_SECONDS:
        yield f"mtime {metadata['mtime']}, locally {status.st_mtime}"


def wrong_xattrs(local, metadata):
    """The user's extended attributes, which s3fs keeps as {name: base64} in one entry, percent-encoded."""
    kept = json.loads(unquote(metadata.get("xattr", "")) or "{}")
    if kept != local:
        yield f"extended attributes {kept}, locally {local}"


def differences(server, prefix, folder):
    """In words, what the bucket has below prefix otherwise than the local folder."""
    local = local_tree(folder)
    keys = server.keys(prefix)
    for key in keys:
        is_mark = key.endswith("/") and (any(other != key and other.startswith(key) for other in keys) or key in local)
        if key and key not in local and not is_mark:
            yield f"{key!r} is in the bucket, and not there locally"
    for path, (status, content, xattrs) in sorted(local.items()):
        if path not in keys:
            yield f"{path!r} is not in the bucket"
            continue
        found, metadata = server.get(prefix + path)
        if content is not None and found != content:
            first = next((i for i, (a, b) in enumerate(zip(found, content)) if a != b), min(len(found), len(content)))
            yield f"{path!r}: {len(found)} bytes in the bucket, {len(content)} locally, other from byte {first} on"
        for wrong in wrong_metadata(status, metadata, 0o644 if content is not None else 0o755):
            yield f"{path!r}: {wrong}"
        for wrong in wrong_xattrs(xattrs, metadata):
            yield f"{path!r}: {wrong}"
