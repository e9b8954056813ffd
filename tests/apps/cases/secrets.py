# SPDX-License-Identifier: Apache-2.0
"""Secrets other than AWS credentials (creds/secrets has those): a customer's key, Azure's account keys and signatures, Google's. What a user
exports, a program has; what stands in a file or was made of it, nobody has but the daemon."""
import base64
import hashlib
import os
import shutil
import signal

from case import Case, want
from cases.creds import children, memory_of
from googleserver import CLIENT_SECRET, REFRESH_TOKEN, SUBJECT_TOKEN, GoogleServer
from store import GcsStore, start_embedded, start_gcs

TEXT = b"text of the test\n"
RAW = hashlib.sha256(b"a customer's key").digest()
ACCOUNT, KEY = "secretive", base64.b64encode(b"account-key-of-the-test-0123456789").decode()
SIGNATURE = "c2lnbmF0dXJlLW9mLXRoZS10ZXN0LTAxMjM0NTY3ODk="


def forms(secret):
    """As it may stand somewhere: itself, in base64, in hex, escaped."""
    text = base64.b64encode(secret)
    return [secret, text, secret.hex().encode(), text.replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D")]


def look_at_files(context, hidden, but=("/home", "/served")):
    """The cache, the log, the socket's folder. Returns all that was read, as one."""
    seen = b""
    for top, _, files in os.walk(context.folder):
        if any(part in top for part in but):
            continue
        for name in files:
            path = os.path.join(top, name)
            if os.path.isfile(path):
                with open(path, "rb") as source:
                    data = source.read()
                seen += data
                want(not any(secret in data for secret in hidden), f"a secret in {path}")
    return seen


def look_at_processes(context, program, hidden, needle):
    (daemon,) = context.daemons()
    for pid in children(daemon):
        with open(f"/proc/{pid}/environ", "rb") as environ:
            text = environ.read()
        want(not any(secret in text for secret in hidden), f"the environment of the daemon's child {pid}")
    found = False
    for pid in [program, *children(program)] if program else []:
        for piece in memory_of(pid):
            found |= needle in piece
            want(not any(secret in piece for secret in hidden), f"the memory of the program {pid}")
    want(found or not program, "the program's memory cannot be read, or not where its data is")
    os.kill(daemon, signal.SIGABRT)  # a core would hold them all


def customer_key(context):
    """SSE-C: used for each request, and nowhere but in the daemon."""
    folder, home = os.path.join(context.folder, "served"), os.path.join(context.folder, "home")
    os.mkdir(folder)
    store = start_embedded(context.world.build, folder, "--bucket", "medical")
    try:
        os.makedirs(os.path.join(home, ".config", "skyshim"))
        with open(os.path.join(home, "key"), "wb") as out:
            out.write(RAW)
        with open(os.path.join(home, ".config", "skyshim", "config"), "w", encoding="ascii") as out:
            out.write("[s3://medical]\nencryption = customer\nencryption_key_file = ~/key\n")
        env = {**store.environment(), "SKYSHIM_LOG": f"debug:{context.folder}/log"}
        hidden = forms(RAW)
        program = context.start([context.skyshim, "run", "sh", "-c", f"echo text of the test >/cloud/s3/medical/f; cat /cloud/s3/medical/f; "
                                 "echo done; read line"], env=env)
        want(program.stdout.readline() == TEXT and program.stdout.readline() == b"done\n", "it cannot be written and read")
        want(store.get("medical", "f") == TEXT, "it is not there")
        for words in (["creds", "--json", "s3://medical"], ["doctor"], ["stats"], ["status"]):
            result = context.run([context.skyshim, *words], env=env)
            want(not any(secret in result.stdout + result.stderr for secret in hidden), f"{words}: {result}")
        look_at_processes(context, program.pid, hidden, b"text of the test")
        os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        seen = look_at_files(context, hidden)
        want(TEXT in seen and b"PUT s3://medical/f: 200" in seen, "the cache and the log were not looked at")
    finally:
        store.stop()


def azure(context):
    """An account's key, and a signature that is refused: in no message, log, file, or environment of the daemon's children."""
    folder = os.path.join(context.folder, "served")
    os.mkdir(folder)
    store = start_embedded(context.world.build, folder, "--azure", "--azure-account", f"{ACCOUNT}:{KEY}")
    try:
        endpoint = f"{store.endpoint}/{ACCOUNT}"
        ways = ({"AZURE_STORAGE_CONNECTION_STRING": f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"},
                {"AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint={endpoint};SharedAccessSignature=sv=2021-12-02&ss=b&srt=sco&sp=rl"
                                                    f"&se=2040-01-01T00%3A00%3A00Z&sig={SIGNATURE.replace('=', '%3D')}"})
        hidden = forms(base64.b64decode(KEY)) + forms(base64.b64decode(SIGNATURE))
        results = []
        for way in ways:
            env = {**way, "SKYSHIM_LOG": f"debug:{context.folder}/log"}
            for words in (["run", "ls", f"/cloud/az/{ACCOUNT}"], ["run", "cat", f"/cloud/az/{ACCOUNT}/container/f"],
                          ["creds", "test", f"az://{ACCOUNT}/container"]):
                results.append(context.run([context.skyshim, *words], env=env))
                said = results[-1].stdout + results[-1].stderr
                want(not any(secret in said for secret in hidden), f"{words}: {said}")
        want(results[0].status == 0 and results[3].status != 0 and results[3].stderr, results)
        look_at_processes(context, 0, hidden, b"")
        seen = look_at_files(context, hidden)
        want(ACCOUNT.encode() in seen, "the log was not looked at")
    finally:
        store.stop()


def google(context):
    """A service account's key, a user's refresh token, a workload's proof, and the access tokens that are made of them."""
    folder, home = os.path.join(context.folder, "served"), os.path.join(context.folder, "home")
    os.mkdir(folder)
    os.mkdir(os.path.join(home, "google"))
    server = GoogleServer(os.path.join(home, "google"), "signs-tokens")
    store = start_gcs(folder, context.world.build, "--token-secret", "signs-tokens", "--token", GcsStore.TOKEN, "--bucket", "kept")
    try:
        store.put("kept", "f", TEXT)
        hidden = [b"ya29.", b"PRIVATE KEY", b"signs-tokens", *(word.encode() for word in (CLIENT_SECRET, REFRESH_TOKEN, SUBJECT_TOKEN))]
        own = {**store.environment(), "CLOUDSDK_AUTH_ACCESS_TOKEN": None, "NO_GCE_CHECK": "true", "SKYSHIM_LOG": f"debug:{context.folder}/log"}
        for name in ("service-account", "user", "external", "impersonated"):
            env = {**own, "GOOGLE_APPLICATION_CREDENTIALS": os.path.join(home, "google", f"{name}.json")}
            for words in (["run", "cat", "/cloud/gs/kept/f"], ["creds", "test", "--json", "gs://kept"]):
                result = context.run([context.skyshim, *words], env=env)
                want(result.status == 0 and not any(secret in result.stdout + result.stderr for secret in hidden), f"{name}, {words}: {result}")
        program = context.start([context.skyshim, "run", "sh", "-c", "cat /cloud/gs/kept/f; read line"], env=env)
        want(program.stdout.readline() == TEXT, "it cannot be read")
        look_at_processes(context, program.pid, hidden, b"GOOGLE_APPLICATION_CREDENTIALS=")
        os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        seen = look_at_files(context, hidden)
        want(TEXT in seen and b"gs://kept/f" in seen, "the cache and the log were not looked at")
    finally:
        store.stop()
        server.stop()


def only_azure(context):
    """Where only one kind of credential is there, /cloud lists as ever, and nobody is told of the others."""
    env = {name: None for name in context.store.environment()}
    env.update({"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY, "AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"})
    for words in (["ls", "/cloud"], ["ls", "-l", "/cloud"], ["find", "/cloud", "-maxdepth", "1"], ["ls", "/cloud/az"]):
        result = context.run([context.skyshim, "run", *words], env=env)
        want(result.status == 0 and not result.stderr and (b"az" in result.stdout or ACCOUNT.encode() in result.stdout), f"{words}: {result}")
    result = context.run([context.skyshim, "run", "ls", "/cloud/s3"], env=env)
    want(result.status and b"no credentials" in result.stderr, result)


def gcore(context, pid):
    """A core of a process that goes on, as gdb writes one. None: it was not allowed to."""
    made = context.run(["gcore", "-o", os.path.join(context.folder, "core"), str(pid)])
    path = os.path.join(context.folder, f"core.{pid}")
    if not os.path.exists(path):
        want(b"ptrace" in made.stdout + made.stderr or b"Operation not permitted" in made.stdout + made.stderr, f"gcore does not work: {made}")
        return None
    with open(path, "rb") as source:
        data = source.read()
    os.remove(path)
    want(data.startswith(b"\x7fELF"), f"that is no core: {made}")
    return data


def cores(context):
    """A core of a program holds what the program has, and nothing of the daemon's; of the daemon the user gets none."""
    folder, home = os.path.join(context.folder, "served"), os.path.join(context.folder, "home")
    os.mkdir(folder)
    store = start_embedded(context.world.build, folder, "--bucket", "kept")
    try:
        store.put("kept", "f", TEXT)
        os.mkdir(os.path.join(home, ".aws"))
        with open(os.path.join(home, ".aws", "credentials"), "w", encoding="ascii") as out:
            out.write(f"[default]\naws_access_key_id = {store.access_key}\naws_secret_access_key = {store.secret_key}\n")
        env = {**store.environment(), "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
        program = context.start([context.skyshim, "run", "python3", "-c", "import sys\ntext = open('/cloud/s3/kept/f').read()\nprint(text, end='', "
                                 "flush=True)\nsys.stdin.read()"], env=env)
        want(program.stdout.readline() == TEXT, "it cannot be read")
        core = gcore(context, program.pid)
        want(core and TEXT.strip() in core, "no core of the program, or it does not hold its data")
        want(not any(secret in core for secret in forms(store.secret_key.encode())), "the secret is in a core of the program")
        (daemon,) = context.daemons()
        core = gcore(context, daemon)
        if os.getuid():
            want(core is None, "the user gets a core of the daemon")
        program.communicate()
    finally:
        store.stop()


CASES = [
    Case("secrets/customer-key", check=customer_key, embedded_only=True),
    Case("secrets/azure", check=azure, embedded_only=True),
    Case("secrets/google", check=google, embedded_only=True),
    Case("secrets/only-azure", check=only_azure, embedded_only=True),
]
if shutil.which("gcore"):  # of gdb, which only the whole of scripts/transparency installs
    CASES.append(Case("secrets/cores", check=cores, embedded_only=True))
