# SPDX-License-Identifier: Apache-2.0
"""The fsync family. (That the bytes are in the bucket when fsync returns is write/durable of tests/apps.)"""
import os

from calls import SYNC_WAIT_AFTER, SYNC_WAIT_BEFORE, SYNC_WRITE, sync_file_range, syncfs
from trial import check


def synced_by(trial, call, *args):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.write(fd, b"to be synced", 100000)
    trial.do("sync", call, fd, *args)
    trial.write(fd, b"and more", 0)
    trial.do("sync again", call, fd, *args)
    trial.close(fd)


@check("sync/fsync")
def fsync(trial):
    synced_by(trial, os.fsync)


@check("sync/fdatasync")
def fdatasync(trial):
    synced_by(trial, os.fdatasync)


@check("sync/range")
def sync_range(trial):
    synced_by(trial, sync_file_range, 0, 0, SYNC_WAIT_BEFORE | SYNC_WRITE | SYNC_WAIT_AFTER)


@check("sync/filesystem")
def filesystem(trial):
    synced_by(trial, syncfs)


@check("sync/all")
def sync_all(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.write(fd, b"to be synced", 100000)
    trial.do("sync", os.sync)
    trial.close(fd)


@check("sync/by-another-descriptor")
def by_another(trial):
    """What one wrote, another who has it open makes durable."""
    fd, other = trial.open("base.bin", os.O_RDWR), trial.open("base.bin")
    trial.write(fd, b"to be synced", 100000)
    trial.do("fsync of a reader", os.fsync, other)
    trial.close(other)
    trial.close(fd)


@check("sync/refused")
def refused(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.do("range before", sync_file_range, fd, -1, 10, SYNC_WRITE)
    trial.do("range unknown", sync_file_range, fd, 0, 10, 64)
    trial.close(fd)
    trial.do("fsync closed", os.fsync, fd)
    trial.do("fdatasync closed", os.fdatasync, fd)
    trial.do("syncfs closed", syncfs, fd)
    folder = trial.open(".", os.O_RDONLY | os.O_DIRECTORY)
    trial.do("fsync of a directory", os.fsync, folder)
    trial.do("syncfs of a directory", syncfs, folder)
    trial.close(folder)
