# SPDX-License-Identifier: Apache-2.0
"""A store as the tests see it: where it is, putting objects into it, its counters.

The signers here are the tests' own, by the documents on AWS Signature Version 4 and Azure's Shared Key, and
they send every path as it is: no library in between may tidy a key such as "a//b" or "../x".
"""
import base64
import datetime
import email.utils
import hashlib
import hmac
import html
import http.client
import json
import os
import re
import subprocess
import time
import urllib.parse

START_SECONDS = 10
UNRESERVED = "-_.~"
AZURE_EMULATOR = ("DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey="
                  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==")


def quote(text):
    return urllib.parse.quote(text, safe=UNRESERVED)


class Embedded:
    """What the embedded store has besides, whatever it speaks: counters, an admin interface, a process."""

    process = None

    def admin(self, method, path, query=""):
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        try:
            connection.request(method, "/_admin/" + path + ("?" + query if query else ""))
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise RuntimeError(f"/_admin/{path}: {answer.status} {said[:300]!r}")
        return said

    def stats(self):
        return json.loads(self.admin("GET", "stats"))

    def reset(self):
        self.admin("POST", "reset")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Store(Embedded):
    """One that speaks S3. endpoint "http://HOST:PORT"; embedded: it is ours, and has counters and an admin interface."""

    root = "/cloud/s3"  # what its buckets are below
    base = ""  # before every path in an address

    def __init__(self, endpoint, access_key, secret_key, region="us-east-1", embedded=False):
        self.endpoint = endpoint
        self.netloc = urllib.parse.urlsplit(endpoint).netloc
        self.access_key = access_key
        self.secret_key = secret_key
        self.region = region
        self.embedded = embedded
        self.clock_ahead_s = 0  # of ours

    def environment(self, netloc=None):
        """What programs need to use it; netloc: a relay that stands before it."""
        return {"AWS_ENDPOINT_URL_S3": f"http://{netloc}" if netloc else self.endpoint, "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key, "AWS_REGION": self.region,
                "AWS_EC2_METADATA_DISABLED": "true"}

    def request(self, method, path, body=b"", query="", meta=None, fields=None):
        """One signed request; path is encoded already. meta: user metadata of what is put. Returns (status, body); the answer's
        fields are added to the dictionary `fields`."""
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.clock_ahead_s)
        now = now.strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self.netloc, "x-amz-content-sha256": digest, "x-amz-date": now,
                   **{f"x-amz-meta-{name}": value for name, value in (meta or {}).items()}}
        names = ";".join(sorted(headers))
        canonical = "\n".join([method, path, query, *(f"{k}:{headers[k]}" for k in sorted(headers)), "",
                               names, digest])
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret_key).encode()
        for part in (now[:8], self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                                    f"SignedHeaders={names}, Signature={signature}")
        return self.send(method, path + ("?" + query if query else ""), body, headers, fields)

    def send(self, method, target, body=b"", headers=None, fields=None):
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in (headers or {"host": self.netloc}).items():
                connection.putheader(name, value)
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            if fields is not None:
                fields.update({name.lower(): value for name, value in answer.getheaders()})
            return answer.status, answer.read()
        finally:
            connection.close()

    def expect(self, method, path, body=b"", query="", **more):
        status, answer = self.request(method, path, body, query, **more)
        if status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {status} {answer[:300]!r}")
        return answer

    def request_line(self, what, bucket, key):
        """How the request to DELETE or PUT (anew, or as a copy) that object begins on the wire."""
        return f"{what} {self.base}/{bucket}/{key}"

    @staticmethod
    def holds(_name):
        return True

    def make_bucket(self, bucket):
        self.expect("PUT", f"/{bucket}")

    def put(self, bucket, key, data=b"", meta=None):
        self.expect("PUT", "/" + bucket + "/" + "/".join(quote(part) for part in key.split("/")), data, meta=meta)

    def head(self, bucket, key):
        """The fields of the answer, by their names in lower case."""
        fields = {}
        self.expect("HEAD", "/" + bucket + "/" + "/".join(quote(part) for part in key.split("/")), fields=fields)
        return fields

    def get(self, bucket, key):
        return self.expect("GET", "/" + bucket + "/" + "/".join(quote(part) for part in key.split("/")))

    def delete(self, bucket, key):
        self.expect("DELETE", "/" + bucket + "/" + "/".join(quote(part) for part in key.split("/")))

    def times(self, bucket, prefix=""):
        """Every key that starts so, with the time of its object, in whole seconds, which is what Last-Modified says."""
        token = ""
        while True:
            query = "encoding-type=url&list-type=2" + ("&prefix=" + quote(prefix) if prefix else "")
            if token:
                query = "continuation-token=" + quote(token) + "&" + query
            page = self.expect("GET", f"/{bucket}", query=query).decode()
            for key, when in re.findall(r"<Key>(.*?)</Key>.*?<LastModified>(.*?)</LastModified>", page, re.S):
                when = datetime.datetime.fromisoformat(when.replace("Z", "+00:00"))
                yield urllib.parse.unquote_plus(html.unescape(key)), int(when.timestamp())
            found = re.search(r"<NextContinuationToken>(.*?)</NextContinuationToken>", page)
            if not found:
                return
            token = found.group(1)


class AzureStore(Embedded):
    """Azure Blob Storage: the account of a connection string that has a BlobEndpoint; a bucket is a container."""

    VERSION = "2021-12-02"
    embedded = False

    def __init__(self, connection):
        self.connection = connection
        parts = dict(part.split("=", 1) for part in connection.split(";") if part)
        self.account = self.access_key = parts["AccountName"]
        self.key = base64.b64decode(parts["AccountKey"])
        self.endpoint = parts["BlobEndpoint"]
        where = urllib.parse.urlsplit(self.endpoint)
        self.netloc = where.netloc
        self.base = where.path.rstrip("/")
        self.root = f"/cloud/az/{self.account}"

    def environment(self, netloc=None):
        connection = self.connection.replace(self.netloc, netloc) if netloc else self.connection
        return {"AZURE_STORAGE_CONNECTION_STRING": connection}

    def request(self, method, path, body=b"", query="", headers=None, fields=None):
        """One signed request; path is encoded already. Returns (status, body)."""
        headers = {"x-ms-date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
                   "x-ms-version": self.VERSION, **(headers or {})}
        parameters = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
        text = "\n".join([method, "", "", str(len(body)) if body else "", *[""] * 8,
                          *(f"{name}:{headers[name]}" for name in sorted(headers)),
                          f"/{self.account}{self.base}{path}", *(f"{name}:{value}" for name, value in parameters)])
        signature = base64.b64encode(hmac.new(self.key, text.encode(), hashlib.sha256).digest()).decode()
        headers["authorization"] = f"SharedKey {self.account}:{signature}"
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        try:
            connection.request(method, self.base + path + ("?" + query if query else ""), body or None,
                               {**headers, "content-length": str(len(body))})
            answer = connection.getresponse()
            if fields is not None:
                fields.update({name.lower(): value for name, value in answer.getheaders()})
            return answer.status, answer.read()
        finally:
            connection.close()

    def expect(self, method, path, body=b"", query="", **more):
        status, answer = self.request(method, path, body, query, **more)
        if status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {status} {answer[:300]!r}")
        return answer

    request_line = Store.request_line

    @staticmethod
    def path(bucket, key):
        return "/" + bucket + "/" + "/".join(quote(part) for part in key.split("/"))

    @staticmethod
    def holds(name):
        """Azure takes a backslash for a slash, and dots out of an address."""
        return "\\" not in name and not {".", ".."} & set(name.split("/"))

    def make_bucket(self, bucket):
        self.expect("PUT", f"/{bucket}", query="restype=container")

    def put(self, bucket, key, data=b"", meta=None):
        if not self.holds(key):
            raise RuntimeError(f"Azure cannot hold {key!r}")
        headers = {f"x-ms-meta-{name}": value for name, value in (meta or {}).items()}
        self.expect("PUT", self.path(bucket, key), data, headers={"x-ms-blob-type": "BlockBlob", **headers})

    def get(self, bucket, key):
        return self.expect("GET", self.path(bucket, key))

    def delete(self, bucket, key):
        self.expect("DELETE", self.path(bucket, key))

    def head(self, bucket, key):
        """The fields of the answer, metadata by the names that it has in S3."""
        fields = {}
        self.expect("HEAD", self.path(bucket, key), fields=fields)
        return {name.replace("x-ms-meta-", "x-amz-meta-"): value for name, value in fields.items()}

    def times(self, bucket, prefix=""):
        marker = ""
        while True:
            query = "comp=list&marker=" + quote(marker) + "&prefix=" + quote(prefix) + "&restype=container"
            page = self.expect("GET", f"/{bucket}", query=query).decode()
            for key, when in re.findall(r"<Name>(.*?)</Name>.*?<Last-Modified>(.*?)</Last-Modified>", page, re.S):
                yield html.unescape(key), int(email.utils.parsedate_to_datetime(when).timestamp())
            found = re.search(r"<NextMarker>(.+?)</NextMarker>", page)
            if not found:
                return
            marker = found.group(1)


class GcsStore(Embedded):
    """Google Cloud Storage, as the embedded store and tests/gcs/emulator have it."""

    embedded = False
    root = "/cloud/gs"
    access_key = TOKEN = "test-token"

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.netloc = urllib.parse.urlsplit(endpoint).netloc

    def environment(self, netloc=None):
        return {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"http://{netloc or self.netloc}",
                "CLOUDSDK_AUTH_ACCESS_TOKEN": self.TOKEN, "GOOGLE_CLOUD_PROJECT": "test"}

    def request(self, method, path, body=b"", kind="application/json", fields=None):
        """One request; path is encoded already. Returns (status, body)."""
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        try:
            connection.request(method, path, body, {"authorization": f"Bearer {self.TOKEN}", "content-type": kind})
            answer = connection.getresponse()
            if fields is not None:
                fields.update({name.lower(): value for name, value in answer.getheaders()})
            return answer.status, answer.read()
        finally:
            connection.close()

    def expect(self, method, path, body=b"", **more):
        status, answer = self.request(method, path, body, **more)
        if status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {status} {answer[:300]!r}")
        return answer

    @staticmethod
    def holds(name):
        """Names are UTF-8 without line ends, and no dots alone."""
        return "\n" not in name and "\r" not in name and name not in (".", "..")

    def request_line(self, what, bucket, key):
        """As Store's; what is put has its name in the body, so that it is any of the bucket. COPY: from this key."""
        if what == "PUT":
            return f"POST /upload/storage/v1/b/{bucket}/o"
        return {"DELETE": "DELETE ", "COPY": "POST "}[what] + self.path(bucket, key)

    @staticmethod
    def path(bucket, key):
        return f"/storage/v1/b/{bucket}/o/{quote(key)}"

    def make_bucket(self, bucket):
        self.expect("POST", "/storage/v1/b?project=test", json.dumps({"name": bucket}).encode())

    def put(self, bucket, key, data=b"", meta=None):
        document = json.dumps({"name": key, "metadata": meta or {}}).encode()
        body = b"--cut-here\r\nA: b\r\n\r\n" + document + b"\r\n--cut-here\r\nA: b\r\n\r\n" + data + b"\r\n--cut-here--\r\n"
        self.expect("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart", body,
                    kind="multipart/related; boundary=cut-here")

    def get(self, bucket, key):
        return self.expect("GET", f"/{bucket}/{quote(key)}")

    def delete(self, bucket, key):
        self.expect("DELETE", self.path(bucket, key))

    def head(self, bucket, key):
        """The fields of the answer, metadata by the names that it has in S3."""
        fields = {}
        self.expect("GET", f"/{bucket}/{quote(key)}", fields=fields)
        return {name.replace("x-goog-meta-", "x-amz-meta-"): value for name, value in fields.items()}

    def names(self, bucket, prefix=""):
        """All that is there, what is hidden too."""
        return [item["name"] for item in self.items(bucket, prefix)]

    def items(self, bucket, prefix=""):
        token = ""
        while True:
            page = json.loads(self.expect("GET", f"/storage/v1/b/{bucket}/o?prefix={quote(prefix)}{token}"))
            yield from page.get("items", [])
            if "nextPageToken" not in page:
                return
            token = "&pageToken=" + quote(page["nextPageToken"])

    def times(self, bucket, prefix=""):
        for item in self.items(bucket, prefix):
            when = datetime.datetime.strptime(item["updated"], "%Y-%m-%dT%H:%M:%S.%f%z")
            yield item["name"], int(when.timestamp())


def launch(folder, program):
    """Starts a server that writes its port to the file `port` in folder. Returns (process, port)."""
    port_file = os.path.join(folder, "port")
    with open(os.path.join(folder, "store.log"), "wb") as log:
        process = subprocess.Popen([*program, port_file], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + START_SECONDS
    while not os.path.exists(port_file) or not open(port_file, encoding="ascii").read().strip():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            said = open(os.path.join(folder, "store.log"), encoding="utf-8", errors="replace").read()
            raise RuntimeError(f"the store did not start: {said}")
        time.sleep(0.01)
    return process, open(port_file, encoding="ascii").read().strip()


def teststore(build, *options):
    return [os.path.join(build, "skyshim-teststore"), "--port", "0", *options, "--port-file"]


def start_gcs(folder, build=None, *options):
    """Starts the embedded store, or without build tests/gcs/emulator, on a free port."""
    emulator = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "gcs", "emulator")]
    process, port = launch(folder, teststore(build, "--gcs", *options) if build else emulator)
    store = GcsStore(f"http://127.0.0.1:{port}")
    store.process, store.embedded = process, bool(build)
    return store


def start_azure(folder, build, *options):
    """Starts the embedded store, which has the account that all emulators have."""
    process, port = launch(folder, teststore(build, "--azure", *options))
    store = AzureStore(f"{AZURE_EMULATOR};BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1")
    store.process, store.embedded = process, True
    return store


def start_embedded(build, folder, *options):
    """Starts the embedded store; its port file and log go to folder."""
    access, secret = "demo-access-key", "demo-secret-key"
    process, port = launch(folder, teststore(build, "--access-key", access, "--secret-key", secret, *options))
    store = Store(f"http://127.0.0.1:{port}", access, secret, embedded=True)
    store.process = process
    if "--clock-offset-s" in options:
        store.clock_ahead_s = int(options[options.index("--clock-offset-s") + 1])
    return store


def from_environment():
    """A store that somebody else started: scripts/test says where RADOS Gateway is."""
    return Store(os.environ["SKYSHIM_TEST_ENDPOINT"], os.environ["SKYSHIM_TEST_ACCESS_KEY"],
                 os.environ["SKYSHIM_TEST_SECRET_KEY"])


def azure_from_environment():
    """The account that scripts/test started Azurite for."""
    return AzureStore(os.environ["AZURE_STORAGE_CONNECTION_STRING"])
