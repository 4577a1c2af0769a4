"""Upgrade the database before GraphQL starts: wait for Hasura, then one pod at a time."""  # noqa: INP001 - run by path

# It runs in the server's image, on Python 3.7. Where Postgres and Hasura are, and the password, the environment says.

import os
import subprocess
import sys
import time
import urllib.request

import psycopg2  # type: ignore[import-untyped] # the image has it, and nothing else here

# Any number that nothing else locks in this database.
LOCK = 7304177200
COMMAND = ["prefect-server", "database", "upgrade", "--yes"]


def main() -> int:
    """Return the exit code of the upgrade, or 1 with a line that says what could not be reached."""
    hasura = os.environ["PREFECT_SERVER__HASURA__HOST"], os.environ["PREFECT_SERVER__HASURA__PORT"]
    url = "http://{}:{}/healthz".format(*hasura)
    # The upgrade ends with Hasura's metadata, and Hasura itself waits for Postgres.
    failure = wait(url, time.monotonic() + float(os.environ["UPGRADE_PATIENCE_SECONDS"]))
    if failure:
        return tell(f"Hasura does not answer at {url}: {failure}; look at its pod")
    try:
        connection = psycopg2.connect(os.environ["PREFECT_SERVER__DATABASE__CONNECTION_URL"])
    except psycopg2.Error as error:
        return tell(f"Postgres lets nobody in: {' '.join(str(error).split())}")
    # The lock belongs to this connection: Postgres takes it back whatever ends this process.
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        code = subprocess.call(COMMAND)  # noqa: S603 - a constant
    connection.close()
    return code


def wait(url: str, until: float) -> str:
    """Return an empty text once the URL answers, or why it did not in time."""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the chart's own URL
                return ""
        except OSError as error:
            failure = str(error)
        if time.monotonic() > until:
            return failure
        time.sleep(1)


def tell(message: str) -> int:
    """Write why the upgrade cannot be done, and return the exit code for that."""
    sys.stderr.write(f"error: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
