"""Exit 0 when Towel reaches Hasura (argument `hasura`), or when its process goes on (`process`)."""  # noqa: INP001 - run by path

import os
import pathlib
import sys
import urllib.request

# As /proc names them: stopped, traced, zombie, dead.
LOST = "TtZX"


def main(what: str) -> int:
    """Return the probe's exit code."""
    if what == "process":
        return 0 if any(goes_on(folder) for folder in pathlib.Path("/proc").glob("[0-9]*")) else 1
    hasura = os.environ["PREFECT_SERVER__HASURA__HOST"], os.environ["PREFECT_SERVER__HASURA__PORT"]
    try:
        with urllib.request.urlopen("http://{}:{}/healthz".format(*hasura), timeout=5):  # noqa: S310 - the chart's own URL
            return 0
    except OSError:
        return 1


def goes_on(process: pathlib.Path) -> bool:
    """Tell whether a folder of /proc is Towel's, and Towel is not lost."""
    try:
        words = process.joinpath("cmdline").read_bytes().split(b"\0")
        state = process.joinpath("stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        # It ended while it was looked at.
        return False
    # The first word tells Towel from tini, which has the same words after its own.
    return words[0].endswith(b"python") and words[1].endswith(b"services/towel/__main__.py") and state not in LOST


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
