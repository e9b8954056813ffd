# SPDX-License-Identifier: Apache-2.0
"""A TCP port of this machine for a server that cannot choose one itself; run as a program, prints one."""
import random
import socket

LOWEST = 10000


def free_port():
    """Below the kernel's range for outgoing connections: one of those may take a port that is free now."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as told:
        end = int(told.read().split()[0]) - 1  # the gateway's monitor takes the one after it
    while True:
        port = random.randrange(min(LOWEST, end - 1000), end)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


if __name__ == "__main__":
    print(free_port())
