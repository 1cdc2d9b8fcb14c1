"""Cores of their own for the servers, so that the client and the emulator take no time from them.

`split` gives this process, and all that it starts, the first half of the cores. `move_apart` moves the client and the
emulator to the second half. Pictures a second are then those of so many cores, as in AWS, where S3, SQS and the clients
run elsewhere. On shared cores they say how fast the machine as a whole is, and the figures `own_cores` say how much of
it the servers got.
"""

import os

import psutil

_apart: set[int] = set()


def split() -> None:
    """Keep half of the cores for what is measured. Raises SystemExit where that can't be."""
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("--apart needs Linux.")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("--apart needs two cores.")
    own = cores[: len(cores) // 2]
    os.sched_setaffinity(0, own)
    _apart.update(set(cores) - set(own))


def move_apart(pid: int) -> None:
    """Move a process to the other cores, if they were split."""
    for thread in psutil.Process(pid).threads() if _apart else []:
        os.sched_setaffinity(thread.id, _apart)
