"""What a judge says of the rendered chart, and what is waived."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from charts.helm import CHART


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One judge's figure, in words, and the lines that say what is wrong; without lines nothing is."""

    judge: str
    figure: str
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.judge:14}{self.figure}"


def waivers(judge: str, chart: Path = CHART) -> dict[str, str]:
    """Return the rules of a judge that the chart does not follow, each with the reason."""
    every: dict[str, dict[str, str]] = yaml.safe_load((chart / "waivers.yaml").read_text("utf-8"))
    return every.get(judge, {})


def unwaived(judge: str, findings: Iterable[tuple[str, str]], waived: dict[str, str]) -> tuple[str, ...]:
    """Return a line for each finding, `(rule, where)`, that no waiver covers, and for each waiver that covers none."""
    found = Counter(rule for rule, _ in findings)
    open_lines = [f"{judge}: {rule}: {where}" for rule, where in findings if rule not in waived]
    stale = [f"{judge}: the waiver of {rule} covers nothing: remove it" for rule in waived if rule not in found]
    return (*open_lines, *stale)
