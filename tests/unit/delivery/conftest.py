"""A checkout whose engine is a script, and the command line of its commands."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from delivery.deployed import deploy
from tests.unit.preview.conftest import CLUSTER, Log

Parse = Callable[..., argparse.Namespace]


@dataclass(frozen=True)
class Checkout:
    """A folder with two stack files, and an engine that gives back the logs that it is given for its commands."""

    root: Path

    def engine_says(self, script: str = "", **logs: Log) -> None:
        for command, log in logs.items():
            (self.root / f"{command}.log").write_text("".join(f"{line}\n" for line in log.lines))
        pulumi = self.root / "bin/pulumi"
        pulumi.parent.mkdir(exist_ok=True)
        asked = f'echo "$@" >> {self.root}/asked; command=$1; [ $1 != stack ] || exec cat {self.root}/history'
        copied = f'while [ "$1" != --event-log ]; do shift; done; cp {self.root}/$command.log "$2"'
        pulumi.write_text(f"#!/bin/sh\n{asked}\n{script or copied}\n")
        pulumi.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return (self.root / "asked").read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    for stack, platform in (("dev", "azure"), ("local", "local")):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(f"config:\n  prefect-aks:platform: {platform}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    (tmp_path / "history").write_text("[]")
    return Checkout(tmp_path)


@pytest.fixture
def options() -> Parse:
    def parse(*arguments: str, module: ModuleType = deploy) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        module.add(parser)
        return parser.parse_args(["--stack", "dev", *arguments])

    return parse


def red() -> Log:
    log = Log()
    log.replace(CLUSTER, "aks", "dnsPrefix")
    return log


def done() -> Log:
    log = Log(planning=False)
    log.done("replace", CLUSTER, "aks", old={}, new={})
    return log
