"""Start the kubelet: `python -m emulators.kubelet --kubeconfig FILE --node NAME --run 'PATTERN'`."""

import argparse
import logging
import os
import re
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from emulators.control_plane.client import Client
from emulators.control_plane.guard import Guard
from emulators.kubelet.event import Recorder
from emulators.kubelet.host import Host
from emulators.kubelet.image import Images
from emulators.kubelet.kubelet import Kubelet
from emulators.kubelet.log_server import LogServer
from emulators.kubelet.node import WHAT_THIS_IS, Node

_ADDRESS = re.compile(r"[\w.-]+:\d+=127\.0\.0\.1:\d+")
_PROBES_AT_A_TIME = 4


def main(arguments: list[str] | None = None) -> int:
    """Run the kubelet until a signal ends it, and everything that it runs with it."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    try:
        client = Client.load(options.kubeconfig)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        tempfile.TemporaryDirectory(prefix="kubelet-", dir=options.folder, ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(_PROBES_AT_A_TIME) as executor,
    ):
        guard, events = Guard(), Recorder(client, options.node)
        host = Host(
            client=client,
            kubeconfig=options.kubeconfig,
            events=events,
            guard=guard,
            executor=executor,
            folder=Path(folder),
            images=Images(run=options.run, missing=options.missing),
            hosts=dict(options.host),
            workdir=options.workdir.absolute(),
            path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
            backoff=options.backoff,
        )
        logs = LogServer(options.tls) if options.tls else None
        labels = dict(options.label)
        port = logs.port if logs else 0
        node = Node(client, events, labels=labels, pods=options.pods, log_port=port)
        kubelet = Kubelet(node, host)
        if logs:
            logs.serve(kubelet.log)
        try:
            kubelet.run(stop)
        finally:
            guard.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.kubelet", description=f"One node of a cluster: {WHAT_THIS_IS}."
    )
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, metavar="FILE", help="the cluster, and a token with every right")
    add("--node", required=True, metavar="NAME", help="the node's name")
    add("--run", action="append", default=[], metavar="PATTERN", help="images whose containers run; may be repeated")
    add("--missing", action="append", default=[], metavar="PATTERN", help="images that cannot be pulled")
    add("--label", action="append", default=[], type=_label, metavar="KEY=VALUE", help="a label of the node")
    add(
        "--host",
        action="append",
        default=[],
        type=_host,
        metavar="NAME:PORT=127.0.0.1:PORT",
        help="what a name and port in a pod's environment stand for; may be repeated",
    )
    add(
        "--workdir", type=Path, default=Path(), metavar="DIR", help="where the images' Python code lies (default: here)"
    )
    add("--pods", type=int, default=110, metavar="N", help="how many pods at a time (default: %(default)s)")
    add("--backoff", type=float, default=1.0, metavar="SECONDS", help="before the first restart (default: %(default)s)")
    add("--folder", type=Path, metavar="DIR", help="where the pods' files go while it runs (default: a temporary one)")
    add("--tls", type=Path, metavar="DIR", help="kubelet.crt, kubelet.key and ca.crt, to serve logs with")
    return parser


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no KEY=VALUE")
    return key, value


def _host(text: str) -> tuple[str, str]:
    if not _ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME:PORT=127.0.0.1:PORT")
    name, _, address = text.partition("=")
    return name, address


if __name__ == "__main__":
    sys.exit(main())
