"""Run the command line; an interrupt or a closed pipe ends it in one line or none."""

import os
import sys

from registration.command import main

_INTERRUPTED = 130

try:
    status = main()
    sys.stdout.flush()
except KeyboardInterrupt:
    sys.stderr.write("error: interrupted; what was begun is finished by the next run\n")
    sys.stderr.flush()
    # Threads may still wait for an answer; nothing of theirs needs them to end well.
    os._exit(_INTERRUPTED)
except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    status = 1
sys.exit(status)
