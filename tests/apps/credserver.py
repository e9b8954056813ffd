# SPDX-License-Identifier: Apache-2.0
"""Small emulations of the services that give AWS credentials: instance metadata (version 2), containers,
STS and the SSO portal, on one port. They are as strict as the real ones about what a client has to send, count
what they are asked, and fail on request. Proven by boto3, which the cases point at the same server.

What they give is KEYS[SOURCE]: another key for each source, so that it can be told whose was used.
"""
import datetime
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse


class Key:
    def __init__(self, name):
        self.id = f"ASIA{name.upper():X<12}"
        self.secret = f"secret-of-{name}-{'0' * 20}"
        self.token = f"token-of-{name}-{'1' * 20}"


KEYS = {name: Key(name) for name in ("instance", "container", "role", "web", "sso", "process")}
REGION = "eu-central-1"
INSTANCE_TOKEN = "metadata-session-token"
CONTAINER_TOKEN = "Basic container-authorization"
WEB_TOKEN = "eyJ.web.identity"
SSO_TOKEN = "sso-access-token"
ROLE = "arn:aws:iam::123456789012:role/reader"
BASE_ID, BASE_SECRET = "AKIABASEBASEBASE", "secret-of-the-base-profile"
HANG_SECONDS = 30


class Refused(Exception):
    def __init__(self, status, text=""):
        super().__init__(text)
        self.status, self.text = status, text


class CredServer:
    """counts: {path's first part: requests}. fault: None, "hang", "garbage", "redirect", or a status. life_s:
    of what is given. delay_s: before each answer. clock_ahead_s: of ours."""

    def __init__(self):
        self.counts = {}
        self.fault = None
        self.life_s = 3600
        self.delay_s = 0
        self.clock_ahead_s = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                server.answer(self)

            do_GET = do_PUT = do_POST = answer

            def log_message(self, *_):
                pass

            def date_time_string(self, timestamp=None):
                return super().date_time_string(server.now())

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.stopping.set()
        self.http.shutdown()
        self.http.server_close()

    def now(self):
        return time.time() + self.clock_ahead_s

    def count(self, name):
        with self.lock:
            return self.counts.get(name, 0)

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode()
        target = urllib.parse.urlsplit(request.path)
        name = target.path.split("/")[1] or "sts"
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + 1
        if self.delay_s:
            time.sleep(self.delay_s)
        headers = request.more = {}
        try:
            if self.fault == "hang":
                self.stopping.wait(HANG_SECONDS)
                raise Refused(500)
            if self.fault == "redirect":
                headers["Location"] = self.url + "/elsewhere"
                raise Refused(307)
            if isinstance(self.fault, int):
                raise Refused(self.fault)
            status, text = 200, self.route(name, request, target, body)
            if self.fault == "garbage":
                text = "<html>{]" + text[:20]
        except Refused as refusal:
            status, text = refusal.status, refusal.text
        data = text.encode()
        request.send_response(status)
        for field, value in {**headers, "Content-Length": str(len(data))}.items():
            request.send_header(field, value)
        request.end_headers()
        try:
            request.wfile.write(data)
        except OSError:
            pass  # who asked has given up

    def route(self, name, request, target, body):
        if name == "latest":
            return self.instance(request, target.path)
        if name == "container":
            return self.container(request)
        if name == "federation":
            return self.portal(request, urllib.parse.parse_qs(target.query))
        if name == "sts" and request.command == "POST":
            return self.sts(request, urllib.parse.parse_qs(body), body)
        raise Refused(404)

    def expiry(self):
        when = datetime.datetime.fromtimestamp(self.now() + self.life_s, datetime.timezone.utc)
        return when.strftime("%Y-%m-%dT%H:%M:%SZ")

    def document(self, key, **more):
        return json.dumps({"AccessKeyId": key.id, "SecretAccessKey": key.secret, "Token": key.token,
                           "Expiration": self.expiry(), **more})

    def instance(self, request, path):
        """EC2 User Guide, "Use the Instance Metadata Service"."""
        if path == "/latest/api/token":
            if request.command != "PUT" or not request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
                raise Refused(400)
            return INSTANCE_TOKEN
        if request.headers.get("X-aws-ec2-metadata-token") != INSTANCE_TOKEN:
            raise Refused(401)
        if path.rstrip("/") == "/latest/meta-data/iam/security-credentials":
            return "instance-role"
        if path == "/latest/meta-data/placement/availability-zone":
            return REGION + "b"
        if path == "/latest/meta-data/iam/security-credentials/instance-role":
            return self.document(KEYS["instance"], Code="Success", Type="AWS-HMAC", LastUpdated=self.expiry())
        raise Refused(404)

    def container(self, request):
        """ECS Developer Guide, "Task IAM role"; EKS, "Pod identity"."""
        if request.headers.get("Authorization") != CONTAINER_TOKEN:
            raise Refused(401)
        return self.document(KEYS["container"], RoleArn=ROLE)

    def portal(self, request, query):
        """IAM Identity Center Portal API, GetRoleCredentials."""
        if request.headers.get("x-amz-sso_bearer_token") != SSO_TOKEN:
            raise Refused(401, '{"message":"Session token not found or invalid"}')
        if query != {"role_name": ["Reader"], "account_id": ["123456789012"]}:
            raise Refused(403, '{"message":"No access"}')
        key = KEYS["sso"]
        return json.dumps({"roleCredentials": {"accessKeyId": key.id, "secretAccessKey": key.secret, "sessionToken": key.token,
                                               "expiration": int((self.now() + self.life_s) * 1000)}})

    def sts(self, request, form, body):
        """STS API Reference."""
        action = form["Action"][0]
        if form["Version"] != ["2011-06-15"] or form["RoleArn"] != [ROLE] or "RoleSessionName" not in form:
            raise Refused(400, error("ValidationError", "not this role"))
        if action == "AssumeRole":
            self.check_signature(request, body)
            key = KEYS["role"]
        elif action == "AssumeRoleWithWebIdentity":
            if form["WebIdentityToken"] != [WEB_TOKEN]:
                raise Refused(400, error("InvalidIdentityToken", "not this token"))
            key = KEYS["web"]
        else:
            raise Refused(400, error("InvalidAction", "not this action"))
        return (f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
                f"<AccessKeyId>{key.id}</AccessKeyId><SecretAccessKey>{key.secret}</SecretAccessKey>"
                f"<SessionToken>{key.token}</SessionToken><Expiration>{self.expiry()}</Expiration></Credentials>"
                f"<AssumedRoleUser><Arn>{ROLE}/x</Arn><AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser>"
                f"</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>")

    def check_signature(self, request, body):
        """By the base profile's key, of the last 15 minutes."""
        who, signed_s, names, good = check_sigv4(request.command, request.path, request.headers, body, {BASE_ID: BASE_SECRET})
        if not who:
            raise Refused(403, error("InvalidClientTokenId", "the security token included in the request is invalid"))
        if abs(signed_s - self.now()) > 900:
            raise Refused(403, error("SignatureDoesNotMatch", "Signature not yet current or expired"))
        if not good or "host" not in names:
            raise Refused(403, error("SignatureDoesNotMatch", "the request signature does not match"))


def check_sigv4(method, target, headers, body, secrets):
    """AWS Signature Version 4 of a request to STS. headers: of names in any case. secrets: {key's id: its secret}. Returns
    (key's id or None, when it was signed, names of signed fields, whether it is right)."""
    headers = {name.lower(): value for name, value in headers.items()}
    fields = dict(part.strip().split("=", 1) for part in
                  headers.get("authorization", "").replace("AWS4-HMAC-SHA256 ", "", 1).split(",") if "=" in part)
    scope = fields.get("Credential", "").split("/")
    if len(scope) != 5 or scope[0] not in secrets or scope[3] != "sts":
        return None, 0, [], False
    names = fields["SignedHeaders"].split(";")
    lines = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names)
    path, _, query = target.partition("?")
    canonical = "\n".join([method, path, "&".join(sorted(query.split("&"))), lines, fields["SignedHeaders"],
                           hashlib.sha256(body.encode()).hexdigest()])
    when = headers["x-amz-date"]
    signed_s = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
    text = "\n".join(["AWS4-HMAC-SHA256", when, "/".join(scope[1:]), hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secrets[scope[0]]).encode()
    for part in scope[1:]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    good = hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), fields["Signature"])
    return scope[0], signed_s, names, good


def error(code, message):
    return (f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>")
