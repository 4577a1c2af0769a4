"""`python -m charts render`, `judge` and `table`: what `make chart` and `make lint` run."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from charts import helm, table
from charts.error import ChartError
from charts.judge import judge
from toolchain.error import ToolError

_OUT = Path(__file__).parents[1] / "build" / "charts" / helm.CHART.name
_HELP = {
    "render": "lint the chart with every values file and render them into build/charts/",
    "judge": "render, and let the judges look at what was rendered",
    "table": "write the chart's README, with the table of its values",
}


def main() -> int:
    """Run one command; a failure is one line on stderr each, and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m charts", description="The Helm chart of Prefect Server.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _HELP.items():
        commands.add_parser(name, help=text, description=text)
    command = parser.parse_args().command
    try:
        if command == "table":
            sys.stdout.write(f"{_shown(table.write())}\n")
            return 0
        files = _render()
        sys.stdout.write(f"{'helm':14}{len(files)} values files linted and rendered into {_shown(_OUT)}\n")
        return _judge(files) if command == "judge" else 0
    except (ChartError, ToolError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _render() -> list[Path]:
    values = helm.values_files()
    with ThreadPoolExecutor() as threads:
        linted = threads.map(helm.lint, values)
        rendered = list(threads.map(helm.template, values))
        list(linted)
    _OUT.mkdir(parents=True, exist_ok=True)
    for old in _OUT.glob("*.yaml"):
        old.unlink()
    files = [_OUT / path.name for path in values]
    for file, text in zip(files, rendered, strict=True):
        file.write_text(text, "utf-8")
    return files


def _judge(files: list[Path]) -> int:
    judgements = judge(files)
    for judgement in judgements:
        sys.stdout.write(f"{judgement}\n")
    wrong = [line for judgement in judgements for line in judgement.wrong]
    for line in wrong:
        sys.stderr.write(f"error: {line}\n")
    return 1 if wrong else 0


def _shown(path: Path) -> Path:
    return path.relative_to(Path(__file__).parents[1])


if __name__ == "__main__":
    sys.exit(main())
