# SPDX-License-Identifier: Apache-2.0
"""What the configuration says of a bucket: another store, another key, beside the environment's."""
import json
import os

from case import Case, want
from store import start_embedded

ID, SECRET = "OTHERKEYOFTHETEST", "other-secret-of-the-test"


class Elsewhere:
    """A second store, with a key of its own that only a profile has."""

    def __init__(self, context, section="[s3://elsewhere]\nprofile = other\n", *options):
        self.context = context
        home = os.path.join(context.folder, "home")
        folder = os.path.join(context.folder, "elsewhere")
        os.makedirs(os.path.join(home, ".aws"))
        os.makedirs(os.path.join(home, ".config", "skyshim"))
        os.mkdir(folder)
        self.store = start_embedded(context.world.build, folder, "--access-key", ID, "--secret-key", SECRET, "--bucket", "elsewhere",
                                    *options)
        for name, text in ((".aws/credentials", f"[other]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n"),
                           (".config/skyshim/config", f"{section}endpoint = {self.store.endpoint}\n")):
            with open(os.path.join(home, name), "w", encoding="ascii") as out:
                out.write(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.stop()

    def run(self, script, **env):
        return self.context.run([self.context.skyshim, "run", "sh", "-ec", script], env=env or None)


def two_stores(context):
    """One program, two stores with different keys: each file comes from where its bucket is, and goes there; cp and mv between
    them send the bytes, as no service could."""
    with Elsewhere(context) as other:
        folder = f"/cloud/s3/{context.world.bucket}{context.world.CHANGING}/realms"
        result = other.run(f"mkdir {folder}; echo here >{folder}/f; echo there >/cloud/s3/elsewhere/f; cp {folder}/f s3://elsewhere/g; "
                           f"cp /cloud/s3/elsewhere/f {folder}/g; mv /cloud/s3/elsewhere/g /cloud/s3/elsewhere/h; "
                           f"mv {folder}/f /cloud/s3/elsewhere/i; cat {folder}/* /cloud/s3/elsewhere/*; ls {folder} /cloud/s3/elsewhere")
        want(result.status == 0 and result.stdout == f"there\nthere\nhere\nhere\n{folder}:\ng\n\n/cloud/s3/elsewhere:\nf\nh\ni\n".encode(), result)
        want(other.store.get("elsewhere", "i") == b"here\n" and context.store.get(context.world.bucket + context.world.CHANGING,
                                                                                 "realms/g") == b"there\n", "the bytes are elsewhere")


def shown(context):
    """`creds` and `doctor` tell what is set, and where, and no secret."""
    with Elsewhere(context, "[s3://elsewhere]\nprofile = other\nregion = us-east-1\nrequester_pays = yes\n") as other:
        told = context.run([context.skyshim, "creds", "test", "--json", "s3://elsewhere"])
        seen = json.loads(told.stdout)
        names = {one["name"]: one["value"] for one in seen["settings"]}
        want(names == {"profile": "other", "region": "us-east-1", "requester_pays": "true", "endpoint": other.store.endpoint}, names)
        want(told.status == 0 and seen["test"]["good"] and seen["endpoint"] == other.store.endpoint, seen)
        want("profile other in" in seen["credentials"] and "config:5: endpoint" in seen["endpoint_from"], seen)
        plain = context.run([context.skyshim, "creds", "s3://elsewhere"]).stdout
        want(b"profile = other (" in plain, plain)
        doctor = context.run([context.skyshim, "doctor"]).stdout
        want(b"s3://elsewhere: requester_pays = true (line 4)" in doctor, doctor)
        want(SECRET.encode() not in told.stdout + told.stderr + plain + doctor, "a secret is shown")


def wrong_while_running(context):
    """A file that becomes wrong is told with file, line and remedy, and the next call with a right one works."""
    with Elsewhere(context) as other:
        other.store.put("elsewhere", "f", b"there\n")
        path = os.path.join(context.folder, "home", ".config", "skyshim", "config")
        right = open(path, encoding="ascii").read()
        script = (f"cat /cloud/s3/elsewhere/f; printf '[s3://elsewhere]\\nprofil = x\\n' >{path}; cat /cloud/s3/elsewhere/g || "
                  f"echo status $?; cp {path}.right {path}; cat /cloud/s3/elsewhere/f")
        with open(path + ".right", "w", encoding="ascii") as out:
            out.write(right)
        result = other.run(script)
        want(result.stdout == b"there\nstatus 1\nthere\n", result)
        want(b"config:2: profil: there is no such setting" in result.stderr, result)


CASES = [
    Case("realms/two-stores", check=two_stores, embedded_only=True),
    Case("realms/shown", check=shown, embedded_only=True),
    Case("realms/wrong-while-running", check=wrong_while_running, embedded_only=True),
]
