"""What lets a command end what it has started, or put back what it wrote, whatever it is sent meanwhile.

A pipeline that is cancelled sends SIGINT, and SIGTERM some seconds later; people press Ctrl-C twice.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ignored() -> Iterator[None]:
    """Ignore both for a short while; processes that are started meanwhile ignore them for good."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
