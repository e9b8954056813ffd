# SPDX-License-Identifier: Apache-2.0
"""A service whose name stands for several addresses: connections go to all of them, to the others when one is dead, and none asks the
resolver anew."""
import os
import socket
import subprocess
import threading
import time

from case import Case, want
from cases.faults import Faulty
from cases.routes import Proxy

NAME = "many.test"
START_SECONDS = 20
ADDRESSES = [f"127.0.0.{last}" for last in range(2, 6)]

# The daemon's resolver: that name is all of the addresses, always in this order, as a resolver's cache would tell it.
RESOLVER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	char all[256], *next = all, *one;
	FILE *log;

	if (!host || strcmp(host, getenv("MANY_NAME")) != 0)
		return real(host, service, hints, out);
	log = fopen(getenv("MANY_LOG"), "a");
	fputc('x', log);
	fclose(log);
	snprintf(all, sizeof(all), "%s", getenv("MANY_ADDRESSES"));
	if (!access(getenv("MANY_DOWN"), F_OK))
		return EAI_AGAIN;
	while ((one = strsep(&next, " "))) {
		int ret = real(one, service, hints, out);

		if (ret)
			return ret;
		while (*out)
			out = &(*out)->ai_next;
	}
	return 0;
}
"""


class Relay:
    """One address of the service; keeps count of its connections."""

    def __init__(self, address, port):
        self.port, self.connections = port, 0
        self.listener = socket.create_server((address, port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            back = threading.Thread(target=Proxy.pump, args=(server, client), daemon=True)
            back.start()
            Proxy.pump(client, server)
            back.join()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def daemon_of(faulty):
    """A daemon with that resolver, which listens: a program's start would start another."""
    context, library = faulty.context, f"{faulty.context.folder}/many.so"
    with open(f"{context.folder}/many.c", "w", encoding="ascii") as out:
        out.write(RESOLVER)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, f"{context.folder}/many.c", "-ldl"], check=True)
    faulty.env["AWS_ENDPOINT_URL_S3"] = f"http://{NAME}:{faulty.store.endpoint.rsplit(':', 1)[1]}"
    daemon = context.start([context.skyshim, "daemon", "--foreground"], env={
        **faulty.env, "LD_PRELOAD": library, "MANY_NAME": NAME, "MANY_ADDRESSES": " ".join(ADDRESSES),
        "MANY_DOWN": f"{context.folder}/down", "MANY_LOG": f"{context.folder}/asked"})
    deadline = time.monotonic() + START_SECONDS
    while str(daemon.pid).encode() not in context.run([context.skyshim, "status"], env=faulty.env).stdout.split():
        want(daemon.poll() is None and time.monotonic() < deadline, "the daemon does not start")
        time.sleep(0.01)
    return daemon


def read_beside(dead):
    """16 objects, all asked for at once, over relays at all addresses but the dead ones, while the resolver, that was asked for the first
    object, is down."""
    def check(context):
        with Faulty(context, "--latency-ms", "200") as faulty:
            port = int(faulty.store.endpoint.rsplit(":", 1)[1])
            relays = [Relay(address, port) for address in ADDRESSES if address not in dead]
            for number in range(16):
                faulty.store.put("faulty", f"m/{number}", b"%d\n" % number)
            daemon = daemon_of(faulty)
            try:
                result = faulty.run(f"cat $D/keep; touch {context.folder}/down; for i in $(seq 0 15); do cat /cloud/s3/faulty/m/$i & done | sort -n")
                want(result.status == 0 and result.stdout == b"".join(b"%d\n" % number for number in range(16)), f"{result}")
                connections = [relay.connections for relay in relays]
                want(sum(connections) >= 8 and all(connections), f"connections: {connections}")
                want(os.path.getsize(f"{context.folder}/asked") == 1, "the resolver was asked more than once")
            finally:
                daemon.kill()
                daemon.communicate(timeout=20)
                for relay in relays:
                    relay.stop()
    return check


def down_at_first(context):
    """A resolver that does not answer: one line says so, and when it answers, all is well."""
    with Faulty(context) as faulty:
        relays = [Relay(address, int(faulty.store.endpoint.rsplit(":", 1)[1])) for address in ADDRESSES]
        with open(f"{context.folder}/down", "w", encoding="ascii"):
            pass
        daemon = daemon_of(faulty)
        try:
            result = faulty.run(f"cat $D/old || echo failed; rm {context.folder}/down; cat $D/old")
            want(result.stdout == b"failed\nwhat was there before\n", f"{result}")
            want(result.stderr.count(b"Could not resolve host: " + NAME.encode()) == 1, f"{result}")
        finally:
            daemon.kill()
            daemon.communicate(timeout=20)
            for relay in relays:
                relay.stop()


CASES = [Case("addresses/all", check=read_beside([]), embedded_only=True),
         Case("addresses/three-dead", check=read_beside(ADDRESSES[:3]), embedded_only=True),
         Case("addresses/down-at-first", check=down_at_first, embedded_only=True)]
