"""The flows that a folder defines, found by loading each file in a worker process.

The order of what is found depends on names alone, whatever the workers do.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registration.crew import Crew
from registration.error import RegistrationError
from registration.settings import RunConfig
from registration.store import kind_of

HOME = Path(__file__).resolve().parent.parent
# Loading Prefect costs a worker most of a second: fewer files than this are quicker in one worker less.
_FILES_A_WORKER = 12


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is remembered of a loaded flow; the rest is in its bundle."""

    name: str
    file: str
    fingerprint: str
    key: str
    parts: Mapping[str, str]
    scheduled: bool
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A file that is refused: it does not load, or it has a flow that may not be registered.

    `text` is what it holds, to tell which flows it may have defined.
    """

    file: str
    line: int | None
    reason: str
    text: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.reason}"

    def may_define(self, name: str, recorded_file: str | None = None) -> bool:
        """Whether a flow may be missing only because this file is refused."""
        return recorded_file == self.file or name in self.text


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The flows of a folder, by name, and the files that failed."""

    records: tuple[Record, ...]
    failures: tuple[Failure, ...]

    def raise_for_failures(self) -> None:
        """Raise one RegistrationError with a line for each file that failed."""
        if self.failures:
            raise RegistrationError("\n".join(str(failure) for failure in self.failures))


def load(  # noqa: PLR0913 - a folder, and what an environment decides about its flows
    folder: Path,
    *,
    store: str,
    run_config: RunConfig,
    bundles: Path | None = None,
    jobs: int | None = None,
    timeout: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
) -> Catalog:
    """Load every `*.py` of a folder, in the order of their names whatever the number of workers.

    Args:
        folder: The flows folder; its parent is the project's root, from which `tasks` and `utils` are imported.
        store: The location of the script store, of which only the kind counts here.
        run_config: What a flow without a run config of its own runs with.
        bundles: Where a bundle of each flow is written; None writes nothing.
        jobs: The most worker processes; never more than there are processors.
        timeout: Seconds that one file may take.
        progress: Called with the number of files done and in all.
    """
    # The folder's name is what flows import each other by, so a link is not followed.
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - Path.resolve follows links
    if not folder.is_dir():
        raise RegistrationError(f"flows folder {folder} does not exist")
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py" and path.is_file())
    job = {
        "home": str(HOME),
        "folder": str(folder),
        "root": str(folder.parent),
        "kind": kind_of(store),
        "run_config": run_config.model_dump(),
        "bundles": str(bundles.absolute()) if bundles else None,
        "timeout": timeout,
    }
    processors = os.cpu_count() or 1
    count = max(1, min(jobs or processors, processors, -(-len(files) // _FILES_A_WORKER)))
    answers = Crew(job, files, progress).run(count) if files else {}
    return _sorted_out(folder, [answers[file] for file in files])


def _sorted_out(folder: Path, answers: Iterable[Mapping[str, Any]]) -> Catalog:
    by_name: dict[str, list[Record]] = defaultdict(list)
    failures = []
    for answer in answers:
        for fields in answer.get("records", ()):
            by_name[fields["name"]].append(Record(**{**fields, "labels": tuple(fields["labels"])}))
        if "failure" in answer:
            failures.append(Failure(**answer["failure"], text=_text(folder.parent / answer["failure"]["file"])))
    for name, records in by_name.items():
        files = [record.file for record in records]
        failures.extend(
            Failure(file=file, line=None, reason=_twice(name, file, files), text=name)
            for file in (files if len(files) > 1 else ())
        )
    return Catalog(
        records=tuple(records[0] for _, records in sorted(by_name.items()) if len(records) == 1),
        failures=tuple(sorted(failures, key=str)),
    )


def _twice(name: str, file: str, files: list[str]) -> str:
    others = ", ".join(other for other in files if other != file)
    return f"flow {name!r} is also defined in {others}; a name is one flow's"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
