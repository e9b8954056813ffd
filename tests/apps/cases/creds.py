# SPDX-License-Identifier: Apache-2.0
"""Where credentials come from: each source, by a program under skyshim and by boto3 on the same emulation
(credserver.py); who wins; what they cost; what goes wrong; and that no secret is where it can be seen."""
import hashlib
import json
import os
import re
import signal
import time

import credserver
from case import Case, want
from credserver import BASE_ID, BASE_SECRET, KEYS, ROLE
from store import start_embedded

BUCKET = "creds"
TEXT = b"read with a credential that had to be asked for\n"
MANY = 1000  # processes at once

BOTO3 = """
import os
import botocore.session
create = botocore.session.Session.create_client
def create_client(self, name, *args, **kwargs):
    url = os.environ.get("AWS_ENDPOINT_URL_" + name.upper())  # botocore before 1.31 does not know these
    if url and not kwargs.get("endpoint_url"):
        kwargs["endpoint_url"] = url
    return create(self, name, *args, **kwargs)
botocore.session.Session.create_client = create_client
import boto3
session = boto3.Session()
keys = session.get_credentials().get_frozen_credentials()
body = session.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"]).get_object(Bucket="creds", Key="text")["Body"].read()
print(keys.access_key, body.decode(), end="")
"""


class Cloud:
    """A store that knows what the emulations give, and the emulations."""

    def __init__(self, context):
        self.context = context
        self.home = os.path.join(context.folder, "home")
        self.server = credserver.CredServer()
        folder = os.path.join(context.folder, "store")
        os.mkdir(folder)
        options = []
        for key in KEYS.values():
            options += ["--access-key", key.id, "--secret-key", key.secret, "--session-token", key.token]
        self.store = start_embedded(context.world.build, folder, *options, "--bucket", BUCKET)
        self.store.put(BUCKET, "text", TEXT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.store.stop()

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def environment(self, **more):
        return {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_EC2_METADATA_DISABLED": None,
                "AWS_DEFAULT_REGION": "us-east-1",  # boto3 reads no AWS_REGION
                "AWS_ENDPOINT_URL_S3": self.store.endpoint, "AWS_ENDPOINT_URL_STS": self.server.url,
                "AWS_ENDPOINT_URL_SSO": self.server.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.server.url, **more}

    def read(self, env, program="cat {D}/text", **options):
        command = program.replace("{D}", f"/cloud/s3/{BUCKET}")
        return self.context.run([self.context.skyshim, "run", "sh", "-c", command], env=env, **options)

    def creds(self, env, *arguments):
        result = self.context.run([self.context.skyshim, "creds", *arguments, f"s3://{BUCKET}"], env=env)
        return result.status, result.stdout.decode() + result.stderr.decode()


# --- each source: what sets it up. Returns further variables. ------------------------------------------

def instance(cloud):
    return {}


def container(cloud):
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": cloud.server.url + "/container",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": credserver.CONTAINER_TOKEN}


def role(cloud):
    cloud.write(".aws/config", f"[profile dev]\nrole_arn = {ROLE}\nsource_profile = base\nexternal_id = e/x\n"
                               "role_session_name = me\nduration_seconds = 900\n[profile base]\nregion = us-east-1\n")
    cloud.write(".aws/credentials", f"[base]\naws_access_key_id = {BASE_ID}\naws_secret_access_key = {BASE_SECRET}\n")
    return {"AWS_PROFILE": "dev"}


def web(cloud):
    return {"AWS_WEB_IDENTITY_TOKEN_FILE": cloud.write("jwt", credserver.WEB_TOKEN), "AWS_ROLE_ARN": ROLE}


def sso_login(cloud, name, life="2040-01-01T00:00:00Z"):
    token = json.dumps({"accessToken": credserver.SSO_TOKEN, "expiresAt": life, "region": "us-east-1",
                        "startUrl": "https://corp.awsapps.com/start"})
    cloud.write(f".aws/sso/cache/{hashlib.sha1(name.encode()).hexdigest()}.json", token)


def sso(cloud):
    cloud.write(".aws/config", "[default]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n"
                               "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1\n")
    sso_login(cloud, "corp")
    return {}


def sso_older(cloud):
    cloud.write(".aws/config", "[default]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1\n"
                               "sso_account_id = 123456789012\nsso_role_name = Reader\n")
    sso_login(cloud, "https://corp.awsapps.com/start")
    return {}


def process(cloud):
    key = KEYS["process"]
    cloud.write("keys", json.dumps({"Version": 1, "AccessKeyId": key.id, "SecretAccessKey": key.secret,
                                    "SessionToken": key.token, "Expiration": cloud.server.expiry()}))
    cloud.write(".aws/config", f"[default]\ncredential_process = {cloud.write('tool', TOOL, 0o700)} --home\n")
    return {}


TOOL = '#!/bin/sh\nenv >"$HOME/tool.environment"\nls -l /proc/self/fd >"$HOME/tool.descriptors"\nexec cat "$HOME/keys"\n'

SOURCES = {"instance": (instance, "instance"), "container": (container, "container"), "role": (role, "role"),
           "web-identity": (web, "web"), "sso": (sso, "sso"), "sso-older": (sso_older, "sso"), "process": (process, "process")}


def reads_with(set_up, name):
    def check(context):
        key = KEYS[name]
        with Cloud(context) as cloud:
            env = cloud.environment(**set_up(cloud))
            peer = context.run(["/usr/bin/python3", "-c", BOTO3], env=env)
            want(peer.stdout == f"{key.id} ".encode() + TEXT, f"boto3 on the emulation: {peer}")
            result = cloud.read(env)
            want(result.stdout == TEXT and not result.status, f"{result}")
            status, told = cloud.creds(env, "--json")
            answer = json.loads(told)
            want(not status and f"(key {key.id[:4]}...{key.id[-4:]})" in answer["credentials"], told)
            want(3000 < answer["expires_in_s"] <= 3600 or name == "process", told)
            want(answer["tried"][-1]["result"] == "used", told)
            want(key.secret not in told and key.token not in told and BASE_SECRET not in told, told)
            status, told = cloud.creds(env, "test")
            want(not status and "access is good" in told and key.secret not in told, told)
    return check


def children_ignored(context):
    """A command that tells a credential, of a daemon that was started by one that ignores how children end."""
    with Cloud(context) as cloud:
        env = cloud.environment(**process(cloud))
        daemon = ["env", "--ignore-signal=CHLD", context.skyshim, "daemon"]
        want(context.run(daemon, env=env).status == 0 and cloud.read(env).stdout == TEXT, "its credential is not used")


# --- who wins -------------------------------------------------------------------------------------------

def order(context):
    """With everything there, take away whoever wins, one after the other; boto3 agrees each time."""
    with Cloud(context) as cloud:
        env = cloud.environment(**container(cloud), **web(cloud))
        key = KEYS["process"]
        cloud.write("keys", json.dumps({"Version": 1, "AccessKeyId": key.id, "SecretAccessKey": key.secret,
                                        "SessionToken": key.token, "Expiration": cloud.server.expiry()}))
        tool = cloud.write("tool", TOOL, 0o700)
        sso_login(cloud, "corp")
        own = {"AWS_ACCESS_KEY_ID": cloud.store.access_key, "AWS_SECRET_ACCESS_KEY": cloud.store.secret_key}
        lines = {"role": f"role_arn = {ROLE}\nsource_profile = base\n",
                 "sso": "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n",
                 "process": f"credential_process = {tool}\n"}
        cloud.write(".aws/credentials", f"[base]\naws_access_key_id = {BASE_ID}\naws_secret_access_key = {BASE_SECRET}\n")

        def who(expected, what, **changed):
            config = "[default]\n" + "".join(lines.values()) + \
                "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1\n[profile base]\n"
            cloud.write(".aws/config", config)
            now = {**env, **changed}
            peer = context.run(["/usr/bin/python3", "-c", BOTO3], env=now)
            want(peer.stdout.startswith(expected.encode()), f"boto3, {what}: wanted {expected}: {peer}")
            status, told = cloud.creds(now, "--json")
            want(not status and f"{expected[:4]}...{expected[-4:]}" in json.loads(told)["credentials"], f"{what}: {told}")

        who(cloud.store.access_key, "environment", **own)
        who(KEYS["role"].id, "role")
        del lines["role"]
        who(KEYS["web"].id, "web identity")
        env.update({"AWS_WEB_IDENTITY_TOKEN_FILE": None, "AWS_ROLE_ARN": None})
        who(KEYS["sso"].id, "SSO")
        del lines["sso"]
        with open(os.path.join(cloud.home, ".aws/credentials"), "a", encoding="ascii") as out:
            out.write(f"[default]\naws_access_key_id = {cloud.store.access_key}\naws_secret_access_key = {cloud.store.secret_key}\n")
        who(cloud.store.access_key, "credentials file")
        os.unlink(os.path.join(cloud.home, ".aws/credentials"))
        who(KEYS["process"].id, "credential process")
        del lines["process"]
        who(KEYS["container"].id, "container")
        env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = None
        who(KEYS["instance"].id, "instance metadata")


# --- what they cost -------------------------------------------------------------------------------------

def many_processes(context):
    """A thousand programs started at once ask the token service once."""
    with Cloud(context) as cloud:
        env = cloud.environment(**container(cloud))
        cloud.server.delay_s = 1.5  # so that many of them have to wait for it
        result = cloud.read(env, f"seq {MANY} | xargs -P 100 -n 1 sh -c 'cat {{D}}/text || exit 255' | wc -l",
                            timeout=170)
        want(result.stdout.strip() == str(MANY).encode() and not result.status, f"{result}")
        want(cloud.server.count("container") == 1, f"{cloud.server.counts}")


def other_environments(context):
    """No environment is answered with another's credential."""
    with Cloud(context) as cloud:
        want(cloud.read(cloud.environment(**container(cloud))).stdout == TEXT, "the first environment")
        result = cloud.read(cloud.environment(AWS_EC2_METADATA_DISABLED="true"))
        want(result.status and b"no credentials" in result.stderr, f"{result}")


def renewed(context):
    """One with a short life is renewed while a program goes on reading; nobody notices."""
    with Cloud(context) as cloud:
        cloud.server.life_s = 5
        env = cloud.environment(**container(cloud), SKYSHIM_META_TTL_MS="1")
        began = time.monotonic()
        result = cloud.read(env, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do head -c 1 {D}/text || exit; ls {D} >&2 || exit; "
                            "sleep 0.7; done")
        want(not result.status and result.stdout == TEXT[:1] * 12, f"{result}")
        took = time.monotonic() - began
        want(2 <= cloud.server.count("container") <= took / 4 + 2, f"{cloud.server.counts} in {took:.1f} s")


def expired(context):
    """The store says that it has expired: one more question, and the request again."""
    with Cloud(context) as cloud:
        env = cloud.environment(**container(cloud))
        cloud.store.admin("POST", "config", "fault=expired,count=1")
        want(cloud.read(env).stdout == TEXT, "not renewed")
        want(cloud.server.count("container") == 2, f"{cloud.server.counts}")
        cloud.store.admin("POST", "config", "fault=expired")
        result = cloud.read(env, "cat {D}/other")
        want(result.status and b"has expired" in result.stderr, f"{result}")
        want(cloud.server.count("container") == 3, f"{cloud.server.counts}")


# --- what goes wrong ------------------------------------------------------------------------------------

def fails(set_up, fault, said, seconds):
    def check(context):
        with Cloud(context) as cloud:
            env = cloud.environment(**set_up(cloud))
            cloud.server.fault = fault
            began = time.monotonic()
            result = cloud.read(env)
            took = time.monotonic() - began
            want(result.status and not result.stdout and b"Permission denied" in result.stderr, f"{result}")
            _, told = cloud.creds(env)
            want(re.search(said, told), f"wanted {said}:\n{told}")
            want(took < seconds, f"it took {took:.1f} s")
            want(not cloud.server.count("elsewhere"), "a redirect was followed")
            for key in KEYS.values():
                want(key.secret not in told and key.secret.encode() not in result.stderr, told)
            cloud.server.fault = None
            time.sleep(min(10, max(1, 3 * took)) + 0.2)  # so long a failure is believed
            want(cloud.read(env).stdout == TEXT, "it does not recover")
    return check


def clock(context):
    """The token service's clock is hours ahead: it is asked again with its time, and a session lives as long as it does."""
    with Cloud(context) as cloud:
        env = cloud.environment(**role(cloud))
        cloud.server.clock_ahead_s = 3 * 3600
        want(cloud.read(env).stdout == TEXT, "not read")
        want(cloud.server.count("sts") == 2, f"{cloud.server.counts}")
        left_s = json.loads(cloud.creds(env, "--json")[1])["expires_in_s"]
        want(3500 < left_s <= 3605, f"it is said to live for {left_s} s")
        env = cloud.environment(**container(cloud), AWS_PROFILE=None)
        cloud.server.clock_ahead_s = -3 * 3600  # by this machine's clock, what it gives has expired
        os.unlink(os.path.join(cloud.home, ".aws", "config"))
        want(cloud.read(env).stdout == TEXT, "not read by a service that is behind")


def login_expired(context):
    with Cloud(context) as cloud:
        env = cloud.environment(**sso(cloud))
        sso_login(cloud, "corp", "2020-01-01T00:00:00Z")
        result = cloud.read(env)
        want(result.status and b"aws sso login --profile default" in result.stderr, f"{result}")
        want(len(result.stderr.splitlines()) <= 2, f"{result}")
        want(not cloud.server.counts, f"{cloud.server.counts}")
        sso_login(cloud, "corp")
        time.sleep(1.2)
        want(cloud.read(env).stdout == TEXT, "the new login is not seen")


def elsewhere(context):
    """The container's token goes to no other machine, not even the question."""
    with Cloud(context) as cloud:
        env = cloud.environment(**{**container(cloud), "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://10.0.0.1/container"})
        began = time.monotonic()
        result = cloud.read(env)
        want(result.status and b"from this machine" in result.stderr, f"{result}")
        want(time.monotonic() - began < 5, "it was asked")


# --- a real service -------------------------------------------------------------------------------------

def at_gateway(context):
    """RADOS Gateway's STS gives a session of a role; what it gives is good for reading and writing there."""
    aws = os.path.join(context.folder, "home", ".aws")
    os.mkdir(aws)
    with open(os.path.join(aws, "config"), "w", encoding="ascii") as out:
        out.write(f"[default]\nrole_arn = {os.environ['SKYSHIM_TEST_ROLE']}\nsource_profile = base\nregion = us-east-1\n"
                  f"[profile base]\naws_access_key_id = {context.store.access_key}\n"
                  f"aws_secret_access_key = {context.store.secret_key}\n")
    env = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_ENDPOINT_URL_STS": context.store.endpoint}
    folder = f"/cloud/s3/{context.bucket}{context.world.CHANGING}"
    result = context.run([context.skyshim, "run", "sh", "-c", f"echo by a role >{folder}/role && cat {folder}/role"], env=env)
    want(result.stdout == b"by a role\n", f"{result}")
    told = context.run([context.skyshim, "creds", "test", "--json", f"s3://{context.bucket}"], env=env)
    answer = json.loads(told.stdout)
    want("role arn:" in answer["credentials"] and answer["test"]["good"] and answer["expires_in_s"] > 0, f"{told}")
    env["AWS_ENDPOINT_URL_STS"] = None
    env["AWS_ENDPOINT_URL"] = context.store.endpoint
    with open(os.path.join(aws, "config"), "a", encoding="ascii") as out:
        out.write("[profile none]\nrole_arn = arn:aws:iam:::role/none\nsource_profile = base\n")
    result = context.run([context.skyshim, "run", "cat", f"{folder}/role"], env={**env, "AWS_PROFILE": "none"})
    want(result.status and b"refuses (404" in result.stderr, f"{result}")


# --- `skyshim creds` ------------------------------------------------------------------------------------

def explained(context):
    with Cloud(context) as cloud:
        own = {"AWS_ACCESS_KEY_ID": cloud.store.access_key, "AWS_SECRET_ACCESS_KEY": cloud.store.secret_key}
        for changed, name, status, said in (
                ({}, BUCKET, 0, "access is good"),
                ({}, f"{BUCKET}/text", 0, "access is good"),
                ({}, f"{BUCKET}/none", 1, "there is no object of this name"),
                ({}, "no-such-bucket", 1, "there is no such bucket"),
                ({"AWS_SECRET_ACCESS_KEY": "wrong"}, BUCKET, 1, "the secret is not the one"),
                ({"AWS_ACCESS_KEY_ID": "AKIANOBODYKNOWSIT"}, BUCKET, 1, "does not know this key"),
                ({"AWS_SESSION_TOKEN": "x"}, BUCKET, 1, "the session token is wrong"),
                ({"AWS_NO_SIGN_REQUEST": "true"}, BUCKET, 1, "not public"),
                ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}, BUCKET, 1, "there was no answer"),
                ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_EC2_METADATA_DISABLED": "true"}, BUCKET, 1,
                 "no credential to ask with")):
            env = cloud.environment(**{**own, **changed})
            for form in ("s3://", "/cloud/s3/"):
                result = context.run([context.skyshim, "creds", "test", form + name], env=env)
                text = result.stdout.decode()
                want(result.status == status and said in text, f"{changed} {name}: wanted {said}: {result}")
                want(cloud.store.secret_key not in text, text)
        cloud.store.admin("POST", "config", "fault=denied,count=1")
        result = context.run([context.skyshim, "creds", "test", f"s3://{BUCKET}"], env=cloud.environment(**own))
        want(b"a policy denies" in result.stdout, f"{result}")


def usage(context):
    for arguments, status in ((["--help"], 0), (["a", "b"], 2), (["test"], 2), (["--no"], 2), (["/etc"], 2), (["ftp://x"], 2)):
        result = context.run([context.skyshim, "creds", *arguments])
        want(result.status == status and (result.stdout if not status else result.stderr), f"{arguments}: {result}")


# --- secrets --------------------------------------------------------------------------------------------

def memory_of(pid):
    """All that can be read of a process."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last = (int(part, 16) for part in line.split()[0].split("-"))
            if line.split()[1].startswith("r") and "[v" not in line:
                try:
                    memory.seek(first)
                    yield memory.read(last - first)
                except OSError:
                    continue


def children(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as stat:
                if int(stat.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(name))
        except OSError:
            continue
    return found


def secrets(context):
    """Logs, cache, shared memory, the environment of the daemon's children, the memory of programs, cores."""
    log = os.path.join(context.folder, "log")
    hidden = [key.secret.encode() for key in KEYS.values()] + [key.token.encode() for key in KEYS.values()]
    hidden += [BASE_SECRET.encode(), credserver.CONTAINER_TOKEN.encode(), credserver.SSO_TOKEN.encode(),
               credserver.INSTANCE_TOKEN.encode(), b"secret-of-the-caller"]
    with Cloud(context) as cloud:
        ways = [cloud.environment(**set_up(cloud)) for set_up in (instance, container, web)]
        for set_up in (role, sso, process):
            os.makedirs(f"{cloud.home}/{set_up.__name__}")
            home, cloud.home = cloud.home, f"{cloud.home}/{set_up.__name__}"
            ways.append(cloud.environment(**set_up(cloud), HOME=cloud.home))
            cloud.home = home
        ways[-1]["AWS_SESSION_TOKEN"] = "secret-of-the-caller"
        ways[0]["AZURE_STORAGE_KEY"] = "secret-of-the-caller"  # in the environment that the daemon is started in
        said = b""
        for env in ways:
            env["SKYSHIM_LOG"] = f"debug:{log}"
            result = cloud.read(env)
            want(result.stdout == TEXT, f"{result}")
            said += result.stderr + cloud.creds(env, "test", "--json")[1].encode()
        for secret in hidden:
            want(secret not in said, f"{secret} was said")
        program = context.start([context.skyshim, "run", "sh", "-c", f"cat /cloud/s3/{BUCKET}/text; sleep 20"], env=ways[3])
        program.stdout.readline()
        (daemon,) = context.daemons()
        look_at_processes(context, program.pid, daemon, hidden)
        os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        os.kill(daemon, signal.SIGABRT)  # a core would hold them all
        deadline = time.monotonic() + 5
        while context.daemons() and time.monotonic() < deadline:
            time.sleep(0.02)
        look_at_files(context, log, hidden)
        with open(os.path.join(cloud.home, "process", "tool.environment"), "rb") as seen:
            text = seen.read()
        want(b"HOME=" in text and b"secret-of-the-caller" not in text, f"the process's environment: {text}")
        with open(os.path.join(cloud.home, "process", "tool.descriptors"), "rb") as seen:
            text = seen.read()
        want(b"pipe:" in text and b"socket:" not in text, f"the process has the daemon's connections: {text}")


def look_at_processes(context, program, daemon, hidden):
    for pid in children(daemon):
        with open(f"/proc/{pid}/environ", "rb") as environ:
            text = environ.read()
        want(not any(secret in text for secret in hidden), f"the environment of the daemon's child {pid}")
    found = False  # what does stand there
    for pid in [program, *children(program)]:
        try:
            for piece in memory_of(pid):
                found |= b"AWS_ENDPOINT_URL_STS=" in piece
                want(not any(secret in piece for secret in hidden), f"the memory of the program {pid}")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    want(found, "the program's memory cannot be read, or not where its environment is")
    if os.getuid():
        want(os.stat(f"/proc/{daemon}/environ").st_uid == 0, "the daemon may leave a core, and be read by others")
    else:
        with open(f"/proc/{daemon}/environ", "rb") as environ:
            text = environ.read()
        want(b"AWS_" in text and not any(secret in text for secret in hidden), f"the daemon's environment: {text}")


def look_at_files(context, log, hidden):
    with open(log, "rb") as text:
        want(b"credentials" in text.read(), "the log holds nothing of credentials: is it the right one?")
    found = False  # what was read, in the cache
    for top, _, files in os.walk(context.folder):
        if "/home" in top or "/store" in top:
            continue  # the user's own
        for name in files:
            if not os.path.isfile(os.path.join(top, name)):
                continue  # the socket
            with open(os.path.join(top, name), "rb") as source:
                data = source.read()
            found |= TEXT in data
            for secret in hidden:
                want(secret not in data, f"{secret} in {top}/{name}")
    want(found, "nothing was looked at")


CASES = [Case(f"creds/source/{name}", check=reads_with(*how), embedded_only=True) for name, how in SOURCES.items()]
CASES += [
    Case("creds/order", check=order, embedded_only=True, timeout=120),
    Case("creds/children-ignored", check=children_ignored, embedded_only=True),
    Case("creds/many-processes", check=many_processes, embedded_only=True, timeout=180),
    Case("creds/other-environments", check=other_environments, embedded_only=True),
    Case("creds/renewed", check=renewed, embedded_only=True),
    Case("creds/expired", check=expired, embedded_only=True),
    Case("creds/fault/instance-hangs", check=fails(instance, "hang", "no answer within 1000 ms", 6), embedded_only=True),
    Case("creds/fault/instance-garbage", check=fails(instance, "garbage", "makes no sense", 6), embedded_only=True),
    Case("creds/fault/instance-redirect", check=fails(instance, "redirect", "answers 307", 6), embedded_only=True),
    Case("creds/fault/container-hangs", check=fails(container, "hang", "no answer within 2000 ms", 12), embedded_only=True),
    Case("creds/fault/container-redirect", check=fails(container, "redirect", r"refuses \(307\)", 6), embedded_only=True),
    Case("creds/fault/sts-garbage", check=fails(role, "garbage", "makes no sense", 6), embedded_only=True),
    Case("creds/fault/sts-refuses", check=fails(web, 403, r"refuses \(403", 6), embedded_only=True),
    Case("creds/fault/sts-redirect", check=fails(web, "redirect", r"refuses \(307", 6), embedded_only=True),
    Case("creds/fault/portal-down", check=fails(sso, 500, r"refuses \(500\)", 10), embedded_only=True),
    Case("creds/clock", check=clock, embedded_only=True),
    Case("creds/login-expired", check=login_expired, embedded_only=True),
    Case("creds/elsewhere", check=elsewhere, embedded_only=True),
    Case("creds/explained", check=explained, embedded_only=True),
    Case("creds/usage", check=usage, embedded_only=True),
    Case("creds/secrets", check=secrets, embedded_only=True),
]
if os.environ.get("SKYSHIM_TEST_ROLE"):
    CASES.append(Case("creds/gateway-role", check=at_gateway))
