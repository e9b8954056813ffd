#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small emulations of the services that give Google's access tokens, on one port: the OAuth 2 token endpoint, the
Security Token Service, the IAM Credentials API and Compute Engine's metadata server. What they give is signed with a
secret that the embedded store is told (--token-secret; the form stands in tests/store/bearer.h), so that the store
knows what was handed out, and until when it is good, without asking.

    tests/apps/googleserver.py FOLDER SECRET [LIFE_S]    serves until it is killed; FOLDER gets the credential files
                                                         below, then "url". GET /counts says what was asked.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from credserver import KEYS, REGION, CredServer, Refused, check_sigv4

EMAIL = "reader@test.iam.gserviceaccount.com"
CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "client.apps.googleusercontent.com", "client-secret", "1//refresh"
SUBJECT_TOKEN = "eyJ.subject.token"
AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
AWS_TYPE = "urn:ietf:params:aws:token-type:aws4_request"
AWS_URL = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
COMMAND = """#!/bin/sh
# prints what is in the file beside it; with it, what it was told
printf '%s\\n' "$#" "$1" "$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE" "$GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE" \\
	"$GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL" "$GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE" >>"$0.told"
[ -z "$GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE" ] || cat "$0.says" >"$GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE"
exec cat "$0.says"
"""
ACCESS_TYPE, JWT_TYPE = "urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"
SKEW_S, JWT_LIFE_MAX_S = 300, 3600
ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default/"


def refuse(status, error, description):
    raise Refused(status, json.dumps({"error": error, "error_description": description}))


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class GoogleServer(CredServer):
    """folder: where the credential files go: service-account.json, user.json, external.json, impersonated.json, aws.json,
    executable.json (with executable, and what that says), kept.json (the same with an output file)."""

    def __init__(self, folder, secret):
        super().__init__()
        self.universe = None  # what the metadata server says; None: it is older than universes
        self.folder, self.secret = folder, secret.encode()
        key = os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key],
                       check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", os.path.join(folder, "public.pem")], check=True)
        self.write("subject", SUBJECT_TOKEN)
        self.write("service-account.json", {
            "type": "service_account", "project_id": "test", "private_key_id": "key-1", "private_key": open(key, encoding="ascii").read(),
            "client_email": EMAIL, "client_id": "1", "token_uri": self.url + "/token"})
        self.write("user.json", {"type": "authorized_user", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
                                 "refresh_token": REFRESH_TOKEN, "token_uri": self.url + "/token"})
        external = {"type": "external_account", "audience": AUDIENCE, "subject_token_type": JWT_TYPE, "token_url": self.url + "/v1/token",
                    "credential_source": {"file": os.path.join(folder, "subject")}}
        self.write("external.json", external)
        self.write("impersonated.json", {**external, "service_account_impersonation_url":
                                         f"{self.url}/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"})

        meta = self.url + "/latest/meta-data/"
        self.write("aws.json", {**external, "subject_token_type": AWS_TYPE, "credential_source": {
            "environment_id": "aws1", "region_url": meta + "placement/availability-zone",
            "url": meta + "iam/security-credentials", "regional_cred_verification_url": AWS_URL,
            "imdsv2_session_token_url": self.url + "/latest/api/token"}})
        program = os.path.join(folder, "executable")
        self.write("executable", COMMAND)
        os.chmod(program, 0o755)
        self.answer_of_executable()
        source = {"command": f'{program} "two words"', "timeout_millis": 20000}
        self.write("executable.json", {**external, "credential_source": {"executable": source}})
        source = {**source, "output_file": os.path.join(folder, "kept-token")}
        self.write("kept.json", {**external, "credential_source": {"executable": source},
                                 "service_account_impersonation_url":
                                 f"{self.url}/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"})

    def answer_of_executable(self, **more):
        """What the executable prints from now on; None: without it."""
        said = {"version": 1, "success": True, "token_type": JWT_TYPE, "id_token": SUBJECT_TOKEN,
                "expiration_time": int(self.now()) + 600, **more}
        self.write("executable.says", {name: value for name, value in said.items() if value is not None})

    def write(self, name, content):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))

    def token(self, life_s):
        said = f"{int(self.now() + life_s)}.{secrets.token_hex(8)}"
        return f"ya29.{said}.{hmac.new(self.secret, said.encode(), hashlib.sha256).hexdigest()}"

    def is_ours(self, token):
        said, _, mac = token.removeprefix("ya29.").rpartition(".")
        good = hmac.new(self.secret, said.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(mac, good) and int(said.split(".")[0]) > self.now()

    def grant(self, **more):
        return json.dumps({"access_token": self.token(self.life_s), "expires_in": self.life_s, "token_type": "Bearer", **more})

    def route(self, name, request, target, body):
        form = dict(urllib.parse.parse_qsl(body))
        request.more["Content-Type"] = "application/json; charset=utf-8"
        if target.path == "/counts":
            return json.dumps(self.counts)
        if target.path == "/token" and request.command == "POST":
            return self.oauth(form)
        if target.path == "/v1/token" and request.command == "POST":
            return self.exchange(form)
        if target.path.startswith("/v1/projects/-/serviceAccounts/"):
            return self.impersonate(request, target.path, body)
        if name == "latest":
            return self.instance(request, target.path)
        if name == "computeMetadata":
            return self.metadata(request, target.path)
        raise Refused(404)

    def oauth(self, form):
        """Using OAuth 2.0 for Server to Server Applications; ... for Web Server Applications."""
        if form.get("grant_type") == JWT_GRANT:
            self.check_jwt(form.get("assertion", ""))
        elif form.get("grant_type") == "refresh_token":
            if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                refuse(401, "invalid_client", "The OAuth client was not found.")
            if form.get("refresh_token") != REFRESH_TOKEN:
                refuse(400, "invalid_grant", "Token has been expired or revoked.")
        else:
            refuse(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
        return self.grant()

    def check_jwt(self, assertion):
        try:
            head, claims, signature = assertion.split(".")
            kind, said, raw = json.loads(decode(head)), json.loads(decode(claims)), decode(signature)
        except ValueError:
            refuse(400, "invalid_grant", "Invalid JWT: malformed")
        if kind.get("alg") != "RS256" or said.get("iss") != EMAIL:
            refuse(400, "invalid_grant", "Invalid grant: account not found")
        with tempfile.NamedTemporaryFile() as file:
            file.write(raw)
            file.flush()
            good = subprocess.run(["openssl", "dgst", "-sha256", "-verify", os.path.join(self.folder, "public.pem"),
                                   "-signature", file.name], input=f"{head}.{claims}".encode(), capture_output=True, check=False)
        if good.returncode:
            refuse(400, "invalid_grant", "Invalid JWT Signature.")
        if said.get("aud") != self.url + "/token":
            refuse(400, "invalid_grant", "Invalid JWT: Failed audience check.")
        issued, end = said.get("iat"), said.get("exp")
        if not isinstance(issued, int) or not isinstance(end, int) or end - issued > JWT_LIFE_MAX_S or \
                issued > self.now() + SKEW_S or end < self.now():
            refuse(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                   "Check your iat and exp values in the JWT claim.")
        if not said.get("scope"):
            refuse(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")

    def exchange(self, form):
        """Security Token Service, v1, method token."""
        if form.get("grant_type") != EXCHANGE_GRANT or form.get("requested_token_type") != ACCESS_TYPE or not form.get("scope"):
            refuse(400, "invalid_request", "not an exchange for an access token")
        if form.get("audience") != AUDIENCE:
            refuse(400, "invalid_target", "The target service indicated by the \"audience\" parameters is invalid.")
        if form.get("subject_token_type") == AWS_TYPE:
            self.check_caller_identity(form.get("subject_token", ""))
        elif form.get("subject_token") != SUBJECT_TOKEN or form.get("subject_token_type") != JWT_TYPE:
            refuse(400, "invalid_grant", "The subject token is not valid")
        return self.grant(issued_token_type=ACCESS_TYPE)

    def check_caller_identity(self, token):
        """What AWS's STS would say to the request that the token is."""
        asked = json.loads(urllib.parse.unquote(token))
        headers = {field["key"]: field["value"] for field in asked["headers"]}
        url = urllib.parse.urlsplit(asked["url"])
        target = {name.lower(): value for name, value in headers.items()}.get("x-goog-cloud-target-resource")
        secrets_of = {key.id: key.secret for key in KEYS.values()}
        who, signed_s, names, good = check_sigv4(asked["method"], (url.path or "/") + "?" + url.query, headers, "", secrets_of)
        if asked["url"] != AWS_URL.replace("{region}", REGION) or target != AUDIENCE:
            refuse(400, "invalid_request", "not a request for GetCallerIdentity that is meant for us")
        if not who or not good or "host" not in names or abs(signed_s - self.now()) > 900:
            refuse(400, "invalid_grant", "Received invalid AWS response")

    def impersonate(self, request, path, body):
        """IAM Service Account Credentials API, generateAccessToken."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.is_ours(token):
            raise Refused(401, '{"error":{"code":401,"status":"UNAUTHENTICATED","message":"invalid authentication credentials"}}')
        if not path.endswith(f"/{EMAIL}:generateAccessToken") or not json.loads(body).get("scope"):
            raise Refused(403, '{"error":{"code":403,"status":"PERMISSION_DENIED","message":"iam.serviceAccounts.getAccessToken"}}')
        end = datetime.datetime.fromtimestamp(self.now() + self.life_s, datetime.timezone.utc)
        return json.dumps({"accessToken": self.token(self.life_s), "expireTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def metadata(self, request, path):
        """Compute Engine, "View and query VM metadata"."""
        request.more["Metadata-Flavor"] = "Google"
        if request.headers.get("Metadata-Flavor") != "Google" or request.headers.get("X-Forwarded-For"):
            raise Refused(403, "Missing Metadata-Flavor:Google header")
        if path == ACCOUNT + "token":
            return self.grant()
        request.more["Content-Type"] = "application/text"
        if path == "/computeMetadata/v1/universe/universe-domain" and self.universe:
            return self.universe
        if path == "/computeMetadata/v1/project/project-id":
            return "test"
        if path == ACCOUNT + "email":
            return EMAIL
        if path in ("/computeMetadata/v1/instance", "/computeMetadata/v1/instance/"):
            return "service-accounts/\n"
        raise Refused(404)


def main():
    server = GoogleServer(sys.argv[1], sys.argv[2])
    if len(sys.argv) > 3:
        server.life_s = int(sys.argv[3])
    server.write("url.new", server.url)
    os.rename(os.path.join(server.folder, "url.new"), os.path.join(server.folder, "url"))
    threading.Event().wait()


if __name__ == "__main__":
    main()
