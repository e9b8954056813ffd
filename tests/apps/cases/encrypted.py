# SPDX-License-Identifier: Apache-2.0
"""Encryption at rest by the service, where the tests' store has it (scripts/rgw): all that is done to files, with each kind of key."""
import base64
import hashlib
import os

from case import Case, want

KEY = hashlib.sha256(b"a customer's key").digest()
KINDS = {
    "customer": "encryption = customer\nencryption_key_file = ~/key\n",
    "kms": "encryption = aws:kms\nkms_key = testkey-1\n",
}
# In, out, at the end, in the middle of what goes in parts, copies and renames by the service, other metadata.
SCRIPT = """mkdir e; cp $L/f e/f; cat e/f; echo more >>e/f; cat e/f; cp e/f e/g; cat e/g; mv e/g e/h; cat e/h; chmod 600 e/h
stat -c %a e/h; cp $L/big e/big; cmp e/big $L/big; printf XYZ | dd of=e/big bs=1 seek=9000000 conv=notrunc 2>/dev/null
printf XYZ | dd of=$L/big bs=1 seek=9000000 conv=notrunc 2>/dev/null; cmp e/big $L/big; mv e/big e/big2; cmp e/big2 $L/big; mv e d; ls d"""


def encrypted(kind):
    def check(context):
        bucket = context.world.bucket + context.world.CHANGING
        home, local = os.path.join(context.folder, "home"), os.path.join(context.folder, "local")
        os.makedirs(os.path.join(home, ".config", "skyshim"))
        os.mkdir(local)
        for name, data in (("f", b"text\n"), ("big", os.urandom(20 << 20))):
            with open(os.path.join(local, name), "wb") as out:
                out.write(data)
        with open(os.path.join(home, "key"), "wb") as out:
            out.write(base64.b64encode(KEY))
        with open(os.path.join(home, ".config", "skyshim", "config"), "w", encoding="ascii") as out:
            out.write(f"[s3://{bucket}]\n{KINDS[kind]}")
        script = f"mkdir /cloud/s3/{bucket}/{kind}; cd /cloud/s3/{bucket}/{kind}; " + SCRIPT
        result = context.run([context.skyshim, "run", "sh", "-ec", script], env={"L": local})
        want(result.status == 0 and result.stdout == b"text\n" + 3 * b"text\nmore\n" + b"600\nbig2\nf\nh\n", result)
        context.run([context.skyshim, "stop"])
        result = context.run([context.skyshim, "run", "cmp", f"/cloud/s3/{bucket}/{kind}/d/big2", f"{local}/big"],
                             env={"SKYSHIM_CACHE_DIR": os.path.join(context.folder, "cache2")})
        want(result.status == 0, result)
        if kind == "kms":
            want("x-amz-server-side-encryption" in context.store.head(bucket, "kms/d/f"), "it is not encrypted")
            return
        # without the key nobody reads it: the service has it encrypted
        status, _ = context.store.request("GET", f"/{bucket}/customer/d/f")
        want(status == 400, f"it is read without the key: {status}")
    return check


CASES = []
if os.environ.get("SKYSHIM_TEST_ROLE"):  # as scripts/test says of the gateway that it starts
    CASES += [Case(f"encrypted/{kind}", check=encrypted(kind), timeout=180) for kind in KINDS]
