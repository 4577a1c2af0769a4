"""Whether a process runs, as tests ask who did not start it."""

import time

import psutil


def alive(number: int) -> bool:
    """Whether it runs; one that has ended, and that nobody has asked for its exit code yet, does not."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(number: int, seconds: float = 30) -> bool:
    """Whether it ends in time: who is killed may take a moment for it."""
    deadline = time.monotonic() + seconds
    while alive(number):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
