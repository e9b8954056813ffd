# SPDX-License-Identifier: Apache-2.0
"""Builds the test programs in each way that a program may have been built."""
import glob
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
C_FLAGS = ["-std=gnu11", "-O2", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-pthread", "-I" + TOP]
# musl-gcc looks into none but its own folder.
KERNEL_HEADERS = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]
# name: compiler and flags. The probe and the reader are built in all of these ways.
VARIANTS = {
    "glibc": ["gcc"],
    "glibc-static": ["gcc", "-static"],
    "glibc-static-pie": ["gcc", "-static-pie", "-fPIE"],
    "glibc-no-pie": ["gcc", "-no-pie"],
    "musl": ["musl-gcc"],
    "musl-static": ["musl-gcc", "-static"],
}


def newer(target, sources):
    return os.path.exists(target) and all(os.path.getmtime(target) >= os.path.getmtime(s) for s in sources)


def found(*pattern):
    return sorted(glob.glob(os.path.join(HERE, *pattern)))


def build_c(target, compiler, sources, *libraries):
    if not newer(target, sources + found("*", "*.h")):
        subprocess.run([*compiler, *C_FLAGS, "-o", target, *sources, *libraries], check=True)


def build_go(folder, name):
    target = os.path.join(folder, f"{name}-go")
    source = os.path.join(HERE, "programs", f"{name}.go")
    if newer(target, [source]):
        return
    env = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off", "GOFLAGS": "",
           "GOCACHE": os.path.join(os.path.abspath(folder), "gocache")}
    subprocess.run(["go", "build", "-o", os.path.abspath(target), source], check=True, env=env)


def build_fsx(folder):
    """The folder, with fsx in it."""
    os.makedirs(folder, exist_ok=True)
    build_c(os.path.join(folder, "fsx"), VARIANTS["glibc"], found("fsx", "*.c"))
    return os.path.abspath(folder)


def build_crasher(folder):
    """The folder, with crasher of tests/crash in it."""
    os.makedirs(folder, exist_ok=True)
    build_c(os.path.join(folder, "crasher"), VARIANTS["glibc"], [os.path.join(TOP, "tests", "crash", "crasher.c")])
    return os.path.abspath(folder)


def build(folder):
    """Returns the folder that holds probe-, reader- and hazard-VARIANT, warm-glibc, walk-go and others of programs/."""
    os.makedirs(folder, exist_ok=True)
    program = {"probe": found("probe", "*.c"), "reader": found("programs", "reader.c"),
               "hazard": found("hazard", "*.[cS]") + found("probe", "probe_say.c")}
    for variant, compiler in VARIANTS.items():
        extra = [] if "static" in variant else ["-DHAZARD_DYNAMIC"]
        for name, sources in program.items():
            build_c(os.path.join(folder, f"{name}-{variant}"), compiler + (extra if name == "hazard" else []), sources)
    for variant in ("glibc", "musl-static"):
        build_c(os.path.join(folder, f"writes-{variant}"), VARIANTS[variant],
                found("write", "*.c") + found("probe", "probe_say.c"))
    for variant in ("glibc", "musl"):
        build_c(os.path.join(folder, f"plugin-{variant}.so"), [*VARIANTS[variant], "-shared", "-fPIC"],
                found("programs", "plugin.c"))
    for variant in ("glibc", "glibc-static"):
        build_c(os.path.join(folder, f"sandbox-{variant}"), VARIANTS[variant], found("programs", "sandbox.c"))
    for variant in ("glibc", "glibc-static", "musl", "musl-static"):
        build_c(os.path.join(folder, f"families-{variant}"), VARIANTS[variant] + (KERNEL_HEADERS if "musl" in variant else []),
                found("families", "*.c"))
    for name in ("address", "thread"):
        build_c(os.path.join(folder, f"families-{name}"), [*VARIANTS["glibc"], f"-fsanitize={name}", "-g"], found("families", "*.c"))
    for name in ("arming", "changes", "execs", "lends", "plugs", "starts"):
        build_c(os.path.join(folder, name), VARIANTS["glibc"], found("programs", f"{name}.c"))
    build_fsx(folder)
    build_c(os.path.join(folder, "uring"), VARIANTS["glibc"], found("uring", "*.c"), "-luring")
    build_c(os.path.join(folder, "p256"), ["gcc"], found("programs", "p256.c"), "-lcrypto")
    build_c(os.path.join(folder, "warm-glibc"), VARIANTS["glibc"], found("programs", "warm.c"))
    for name in ("walk", "preempt"):
        build_go(folder, name)
    return os.path.abspath(folder)
