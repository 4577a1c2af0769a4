"""What a command line of any command on a plan takes."""

import argparse
from pathlib import Path


def add_allow(parser: argparse.ArgumentParser) -> None:
    """Let resources be named that may be replaced or go; `preview.loss.names` takes the answers apart."""
    parser.add_argument(
        "--allow",
        metavar="NAME",
        action="append",
        default=[],
        help="let this resource be replaced or go; several are separated by commas or spaces",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Say where the summary and the record go."""
    parser.add_argument("--json", action="store_true", help="print the record, and the rest on stderr")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=Path("build"), help="where the files go")
