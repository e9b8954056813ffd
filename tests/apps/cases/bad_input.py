# SPDX-License-Identifier: Apache-2.0
"""What services refuse, and what servers should not say: one line that names the cause and the right errno, on each store. Most of it
is said by a server that answers everything as a case has it."""
import http.server
import json
import os
import re
import threading

from case import Case, want
from store import start_embedded

HOST_NAMES = "abcdefghij"  # of the entities that grow
LAUGHS = ("<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {one} '{f'&{before};' * 10}'>" for before, one in zip(HOST_NAMES, HOST_NAMES[1:])) + "]><ListBucketResult>&j;</ListBucketResult>")
DEPTH = 100000
LARGEST = 64 << 20  # bytes of an answer that does not end, before the case gives up


class Liar:
    """Says to every request the same: (status, fields, body), or what a function of (method, target) gives. A body that is no
    bytes is iterated over, and sent without a length."""

    def __init__(self, answer):
        self.seen, self.sent, self.lock = [], 0, threading.Lock()
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                taken = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                with liar.lock:
                    liar.seen.append((self.command, self.path, dict(self.headers), taken))
                status, fields, body = answer(self.command, self.path) if callable(answer) else answer
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                pieces = [body] if isinstance(body, bytes) else body
                if isinstance(body, bytes) and "Content-Length" not in fields:
                    self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                for piece in pieces if self.command != "HEAD" else ():
                    with liar.lock:
                        liar.sent += len(piece)
                    try:
                        self.wfile.write(piece)
                    except OSError:
                        return

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

            def log_message(self, *_):
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.netloc = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


KEY = "a2V5LW9mLXRoZS10ZXN0"
SECRETS = (b"the-secret-of-the-test", b"token-of-the-test", KEY.encode())
# store: (where its files are, the environment in which it is found at an address)
STORES = {
    "s3": ("/cloud/s3/bucket", lambda at: {"AWS_ENDPOINT_URL_S3": f"http://{at}", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
                                           "AWS_SECRET_ACCESS_KEY": SECRETS[0].decode(), "AWS_SESSION_TOKEN": SECRETS[1].decode(),
                                           "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "2"}),
    "az": ("/cloud/az/account/container", lambda at: {
        "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=account;AccountKey={KEY};BlobEndpoint=http://{at}/account"}),
    "gs": ("/cloud/gs/bucket", lambda at: {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"http://{at}",
                                           "CLOUDSDK_AUTH_ACCESS_TOKEN": SECRETS[1].decode(), "GOOGLE_CLOUD_PROJECT": "test"}),
}


def xml(status, code, message="", **fields):
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    return (status, {"Content-Type": "application/xml", "x-amz-request-id": "REQ42", **fields},
            f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


def reason(status, word, message=""):
    return (status, {"Content-Type": "application/json"},
            json.dumps({"error": {"code": status, "message": message, "errors": [{"reason": word, "message": message}]}}).encode())


def run_at(context, store, liar, script):
    root, environment = STORES[store]
    known = {name: None for name in context.store.environment()}
    return context.run([context.skyshim, "run", "sh", "-c", script], env={**known, **environment(liar.netloc), "D": root})


def one_line(result, errno, words, name=""):
    """The program has failed with that errno, and exactly one line of ours has these words."""
    ours = [line for line in result.stderr.split(b"\n") if line.startswith(b"skyshim")]
    want(result.status and errno.encode() in result.stderr, f"{name}: it did not say {errno!r}: {result}")
    want(len(ours) == 1, f"{name}: {len(ours)} lines of ours: {result}")
    for word in words:
        want(re.search(word.encode(), ours[0]), f"{name}: our line lacks {word!r}: {ours[0]!r}")
    want(not any(secret in result.stderr for secret in SECRETS), f"a secret is said: {result}")


def refused(store):
    """Each in its own environment, so that nothing is held back as said already."""
    def check(context):
        for name, (answer, errno, *words) in REFUSED[store].items():
            with Liar(answer) as liar:
                result = run_at(context, store, liar, "cat $D/key")
                one_line(result, errno, words, name)
                want(1 <= len(liar.seen) <= 2, f"{name}: {len(liar.seen)} requests: {[one[:2] for one in liar.seen]}")
    return check


def gone(store):
    """What is not there any more is not there: no line but the program's own."""
    def check(context):
        for name, answer in GONE[store].items():
            with Liar(answer) as liar:
                result = run_at(context, store, liar, "cat $D/key")
                want(result.status == 1 and result.stderr.count(b"\n") == 1 and b"No such file or directory" in result.stderr, f"{name}: {result}")
    return check


def redirected(store):
    """Nothing follows: no request, with credentials or without, reaches the host that an answer points to."""
    def check(context):
        with Liar((200, {"ETag": '"v1"', "x-goog-generation": "1"}, b"from elsewhere")) as other:
            location = {"Location": f"http://{other.netloc}/bucket/key", "Content-Type": "text/plain"}
            with Liar((307, location, b"")) as liar:
                result = run_at(context, store, liar, "cat $D/key; echo x >$D/new; ls $D; rm $D/key; mv $D/key $D/other")
                want(b"from elsewhere" not in result.stdout and result.stderr.count(b"Input/output error") >= 3 and liar.seen, result)
                want(not other.seen, f"the other host was asked: {other.seen}")
                want(any("uthorization" in name for _, _, fields, _ in liar.seen for name in fields), "nothing was signed")
    return check


def page(entry):
    """A page of S3's listing with an entry in it."""
    return ("<ListBucketResult><Name>bucket</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys><KeyCount>1</KeyCount><IsTruncated>false"
            f"</IsTruncated>{entry}</ListBucketResult>").encode()


def s3_entry(size):
    return f'<Contents><Key>k</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag><Size>{size}</Size></Contents>'


def blob(size):
    return (f"<EnumerationResults><Blobs><Blob><Name>k</Name><Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified>"
            f"<Etag>0x1</Etag><Content-Length>{size}</Content-Length></Properties></Blob></Blobs><NextMarker/></EnumerationResults>").encode()


def item(size):
    return json.dumps({"items": [{"name": "k", "size": size, "generation": "1", "updated": "2026-01-01T00:00:00Z"}]}).encode()


def endless(piece):
    """Begins well and never ends, up to far more than any answer that is right."""
    def body():
        sent = 0
        while sent < LARGEST:
            sent += len(piece) * 1000
            yield piece * 1000
    return body


XML, JSON = {"Content-Type": "application/xml"}, {"Content-Type": "application/json"}
LISTS = {
    "s3": (XML, {"billion-laughs": LAUGHS.encode(), "deep": b"<a>" * DEPTH, "negative-size": page(s3_entry(-1)),
                 "size-of-all": page(s3_entry("99999999999999999999")), "size-in-words": page(s3_entry("many")), "cut": page(s3_entry(1))[:-40],
                 "json": b"{}", "nothing": b""}),
    "az": (XML, {"billion-laughs": LAUGHS.encode(), "deep": b"<a>" * DEPTH, "negative-size": blob(-1), "size-of-all": blob("99999999999999999999"),
                 "cut": blob(1)[:-40]}),
    "gs": (JSON, {"deep": b"[" * DEPTH, "deep-objects": b'{"items":' * DEPTH, "negative-size": item("-1"), "size-of-all": item("99999999999999999999"),
                  "cut": item("1")[:-9], "xml": LAUGHS.encode()}),
}


def lists(store):
    """Listings that lie, nest, or do not end: EIO, nothing shown, one line each."""
    def check(context):
        fields, bodies = LISTS[store]
        for name, body in bodies.items():
            with Liar((200, fields, body)) as liar:
                result = run_at(context, store, liar, "ls $D")
                want(result.stdout == b"", f"{name}: {result}")
                one_line(result, "Input/output error", [liar.netloc], name)
                want(len(liar.seen) <= 8, f"{name}: {len(liar.seen)} requests")
    return check


def never_ends(store):
    def check(context):
        fields, piece = LISTS[store][0], (b'{"a":[' if store == "gs" else b"<ListBucketResult><Contents>") + b" " * 1000
        answer = endless(b" " * 1000)
        with Liar(lambda *_: (200, fields, iter([piece, *answer()]))) as liar:
            result = run_at(context, store, liar, "ls $D")
            one_line(result, "Input/output error", ["larger than any that is right"])
            want(liar.sent <= len(liar.seen) * LARGEST, "it was read to its end")
            (daemon,) = context.daemons()
            with open(f"/proc/{daemon}/status", encoding="ascii") as status:
                peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1))
            want(peak < 128 << 10, f"the daemon took {peak} kB")
    return check


def embedded(context, *options):
    folder = os.path.join(context.folder, "served")
    os.mkdir(folder)
    return start_embedded(context.world.build, folder, *options)


def clock(context):
    """An hour's difference: the service's time is signed with from then on, at the price of one request; the log says it once."""
    store = embedded(context, "--bucket", "timely", "--clock-offset-s", "3600")
    try:
        store.put("timely", "f", b"text\n")
        store.reset()
        log = os.path.join(context.folder, "log")
        result = context.run([context.skyshim, "run", "sh", "-c", "cat /cloud/s3/timely/f; echo more >/cloud/s3/timely/g; cat /cloud/s3/timely/g"],
                             env={**store.environment(), "SKYSHIM_LOG": f"warn:{log}"})
        want((result.status, result.stdout, result.stderr) == (0, b"text\nmore\n", b""), result)
        with open(log, encoding="utf-8") as said:
            lines = said.read().splitlines()
        want(len([line for line in lines if "its clock differs by 3" in line]) == 1, lines)
        want(store.stats()["requests"] <= 4, store.stats())
    finally:
        store.stop()


def region(context):
    """Signed for another region: the one that the service names is taken, at the price of one request for the bucket."""
    store = embedded(context, "--bucket", "regional@eu-west-3", "--strict-region")
    try:
        store.region = "eu-west-3"
        store.put("regional", "f", b"text\n")
        store.reset()
        store.region = "us-east-1"
        log = os.path.join(context.folder, "log")
        result = context.run([context.skyshim, "run", "sh", "-c",
                              "cat /cloud/s3/regional/f; echo more >/cloud/s3/regional/g; cat /cloud/s3/regional/g"],
                             env={**store.environment(), "SKYSHIM_LOG": f"info:{log}"})
        want((result.status, result.stdout, result.stderr) == (0, b"text\nmore\n", b""), result)
        with open(log, encoding="utf-8") as said:
            lines = said.read().splitlines()
        want(len([line for line in lines if "s3://regional: is in eu-west-3" in line]) == 1, lines)
        want(store.stats()["requests"] <= 4, store.stats())
    finally:
        store.stop()


SSE = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
NO, IO = "Permission denied", "Input/output error"
REFUSED = {
    "s3": {
        "wrong-key": (xml(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."), NO, "AKIA|environment",
                      "InvalidAccessKeyId", "REQ42"),
        "expired-token": (xml(400, "ExpiredToken", "The provided token has expired."), NO, "expired; renew"),
        "wrong-token": (xml(400, "InvalidToken", "The provided token is malformed"), NO, "InvalidToken"),
        "clock": (xml(403, "RequestTimeTooSkewed", "The difference is too large.", Date="Fri, 24 May 2013 00:00:00 GMT"), NO, "clock is wrong; set it"),
        "region": (xml(301, "PermanentRedirect", "Use another endpoint.", x_amz_bucket_region="eu-west-9"), IO, "served elsewhere, in region eu-west-9"),
        "policy": (xml(403, "AccessDenied", "User is not authorized to perform: s3:GetObject"), NO, "AccessDenied", "not authorized to perform"),
        "disabled": (xml(403, "AllAccessDisabled", "All access to this object has been disabled"), NO, "AllAccessDisabled"),
        "account": (xml(403, "AccountProblem", "There is a problem with your AWS account."), NO, "AccountProblem"),
        "archived": (xml(403, "InvalidObjectState", "The operation is not valid for the object's storage class"), IO, "archived; restore it first"),
        "customer-key": (xml(400, "InvalidRequest", SSE), IO, "encryption_key_file"),
        "kms-disabled": (xml(400, "KMS.DisabledException", "The key is disabled."), IO, "KMS.DisabledException"),
        "web-server": ((404, {"Content-Type": "text/html"}, b"<html>no such page</html>"), IO, "no S3 endpoint"),
    },
    "az": {
        "wrong-key": (xml(403, "AuthenticationFailed", "Server failed to authenticate the request."), NO, "AuthenticationFailed"),
        "clock": (xml(403, "AuthenticationFailed", "Server failed to authenticate the request.", Date="Fri, 24 May 2013 00:00:00 GMT"), NO,
                  "AuthenticationFailed"),
        "policy": (xml(403, "AuthorizationPermissionMismatch", "This request is not authorized."), NO, "AuthorizationPermissionMismatch"),
        "firewall": (xml(403, "AuthorizationFailure", "This request is not authorized."), NO, "AuthorizationFailure"),
        "disabled": (xml(403, "AccountIsDisabled", "The specified account is disabled."), NO, "AccountIsDisabled"),
        "archived": (xml(409, "BlobArchived", "This operation is not permitted on an archived blob."), IO, "archive tier; rehydrate it first"),
        "customer-key": (xml(409, "BlobUsesCustomerSpecifiedEncryption", "No."), IO, "key of the customer's"),
    },
    "gs": {
        "expired-token": (reason(401, "authError", "Invalid Credentials"), NO, "Invalid Credentials"),
        "policy": (reason(403, "forbidden", "x does not have storage.objects.get access"), NO, "storage.objects.get"),
        "account": (reason(403, "accountDisabled", "The account is disabled."), NO, "accountDisabled"),
        "customer-key": (reason(400, "resourceIsEncryptedWithCustomerEncryptionKey", "No."), IO, "key that its owner keeps"),
        "payer": (reason(400, "userProjectMissing", "Bucket is requester pays bucket but no user project provided."), NO, "GOOGLE_CLOUD_QUOTA_PROJECT"),
    },
}
GONE = {
    "s3": {"deleted": (404, {"x-amz-delete-marker": "true", "x-amz-version-id": "v"}, xml(404, "NoSuchKey")[2]), "bucket": xml(404, "NoSuchBucket")},
    "az": {"deleted": xml(404, "BlobNotFound"), "container": xml(404, "ContainerNotFound")},
    "gs": {"deleted": reason(404, "notFound", "No such object"), "bucket": reason(404, "notFound", "The specified bucket does not exist.")},
}



CASES = [Case(f"bad-input/{store}/{name}", check=check(store), embedded_only=True, timeout=120) for store in STORES
         for name, check in (("refused", refused), ("gone", gone), ("lists", lists), ("never-ends", never_ends), ("redirected", redirected))]
CASES += [Case("bad-input/clock", check=clock, embedded_only=True), Case("bad-input/region", check=region, embedded_only=True)]
