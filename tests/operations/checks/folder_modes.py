# SPDX-License-Identifier: Apache-2.0
"""Attributes of directories, which stand in the metadata of their marks."""
import os
import stat

from trial import check


@check("folder/modes")
def modes(trial):
    for mode in (0o700, 0o711, 0o755, 0o1777, 0o2775):
        os.umask(0)
        trial.do("mkdir", os.mkdir, trial.path(f"d{mode:o}"), mode)
        trial.attributes(f"d{mode:o}")
    os.umask(0o077)
    trial.do("masked", os.mkdir, trial.path("masked"))
    trial.attributes("masked")


@check("folder/chmod")
def chmod(trial):
    os.mkdir(trial.path("d"))
    trial.do("chmod", os.chmod, trial.path("d"), 0o750)
    trial.attributes("d")
    fd = trial.open("d", os.O_RDONLY | os.O_DIRECTORY)
    trial.do("fchmod", os.fchmod, fd, 0o1771)
    trial.attributes(fd, "fstat")
    trial.close(fd)
    trial.attributes("d")
    trial.make("d/file", b"keeps it")
    trial.attributes("d", "with a file in it")


@check("folder/setgid")
def setgid(trial):
    """What is made in a directory with the bit has the directory's group; a directory, the bit as well."""
    os.mkdir(trial.path("d"))
    trial.do("chmod", os.chmod, trial.path("d"), 0o2775)
    trial.attributes("d")
    trial.make("d/file", b"x")
    os.mkdir(trial.path("d/inner"))
    trial.attributes("d/file")
    trial.attributes("d/inner")


@check("folder/setgid-of-another-group")
def setgid_group(trial):
    groups = [g for g in os.getgroups() if g != os.getgid()] or ([1] if os.getuid() == 0 else [])
    trial.say("another group", bool(groups))
    os.mkdir(trial.path("d"))
    if groups:
        trial.do("chown", os.chown, trial.path("d"), -1, groups[0])
    trial.do("chmod", os.chmod, trial.path("d"), 0o2770)
    trial.attributes("d")
    trial.make("d/file", b"x")
    os.mkdir(trial.path("d/inner"))
    trial.attributes("d/file")
    trial.attributes("d/inner")


@check("folder/sticky")
def sticky(trial):
    os.mkdir(trial.path("d"))
    trial.do("chmod", os.chmod, trial.path("d"), 0o1777)
    trial.attributes("d")
    trial.say("sticky", bool(os.stat(trial.path("d")).st_mode & stat.S_ISVTX))


@check("folder/times")
def times(trial):
    os.mkdir(trial.path("d"))
    trial.do("utimensat", os.utime, trial.path("d"), ns=(1, 1234567890_123456789))
    trial.attributes("d")
