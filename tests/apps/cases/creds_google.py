# SPDX-License-Identifier: Apache-2.0
"""Google's tokens, as the store and whoever gives them see it: one for all processes."""
import os

import store as stores
from case import Case, want
from googleserver import GoogleServer

SECRET = "token-secret"
MANY = int(os.environ.get("SKYSHIM_MANY_PROCESSES", "200"))  # at once
TEXT = b"read by a token\n"


def many_processes(variables, asked):
    """So many programs started at once ask for one token. variables: of the environment, by the server that gives them;
    asked: what is counted there."""
    def check(context):
        folder = os.path.join(context.folder, "google")
        os.mkdir(folder)
        server = GoogleServer(folder, SECRET)
        store = stores.start_gcs(context.folder, context.world.build, "--token-secret", SECRET, "--token", stores.GcsStore.TOKEN)
        try:
            store.make_bucket("tokens")
            store.put("tokens", "text", TEXT)
            server.delay_s = 1.5  # so that many of them have to wait for it
            env = {**store.environment(), "CLOUDSDK_AUTH_ACCESS_TOKEN": None, **variables(server)}
            result = context.run([context.skyshim, "run", "sh", "-c",
                                  f"seq {MANY} | xargs -P 100 -n 1 sh -c 'cat /cloud/gs/tokens/text || exit 255' | wc -l"],
                                 env=env, timeout=170)
            want(result.stdout.strip() == str(MANY).encode() and not result.status, f"{result}")
            want(server.count(asked) == 1, f"{server.counts}")
        finally:
            store.stop()
            server.stop()
    return check


def by_file(server):
    return {"GOOGLE_APPLICATION_CREDENTIALS": os.path.join(server.folder, "service-account.json")}


CASES = [
    Case("creds/many-processes-google", check=many_processes(by_file, "token"), embedded_only=True, timeout=180),
]
