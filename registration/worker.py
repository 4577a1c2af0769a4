"""The process that loads flow files: the only place where a user's code and prefect run.

It speaks JSON lines with `catalog`: a job first, then one file at a time, one answer each. The code that it loads may
print, exit, crash or hang; the answers therefore go over a copy of standard output that this code cannot reach.
"""

import contextlib
import faulthandler
import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from registration import bundle, script, source
from registration.decoration import DecorationError, decorate
from registration.fingerprint import canonical, fingerprint_of, key_of, parts_of, script_storage_part, storage_part
from registration.moment import moments_in
from registration.settings import RunConfig

if TYPE_CHECKING:
    import prefect

FLOW_MODULE = "<flow>"
_COLLECT_EVERY = 50


def main() -> None:
    """Answer until the other side closes; never returns to code that a flow may have left running."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(os.getppid(),), daemon=True).start()
    # Settings of the person who registers (task defaults, for one) must not reach a fingerprint.
    os.environ["PREFECT__USER_CONFIG_PATH"] = os.devnull
    for name in [name for name in os.environ if name.startswith("PREFECT__")]:
        if name != "PREFECT__USER_CONFIG_PATH":
            del os.environ[name]
    with contextlib.suppress(EOFError, BrokenPipeError):
        _serve(sys.stdin, answers)
    os._exit(0)


def _serve(questions: IO[str], answers: IO[str]) -> None:
    job = json.loads(questions.readline())
    root = job["root"]
    sys.path[:] = [root, *(place for place in sys.path if place not in {root, job["home"], ""})]
    os.chdir(root)
    for count, line in enumerate(questions, 1):
        question = json.loads(line)
        faulthandler.dump_traceback_later(job["timeout"], exit=True)
        answer = answer_for(Path(question["file"]), job)
        faulthandler.cancel_dump_traceback_later()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if count % _COLLECT_EVERY == 0:
            gc.collect()


def _die_with(parent: int) -> None:
    """End when the process that asked is gone, even while a flow file loops for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def answer_for(file: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Load one file: `{"records": […]}`, or `{"failure": {file, line, reason}}` in place of any exception."""
    folder = Path(job["folder"])
    text = None
    try:
        read = source.read(file, folder)
        text = script.write(read)
        return {"records": list(_records(file, read, text, job))}
    except source.SourceError as error:
        if error.file == file:
            return _failure(_shown(file, job), error.line, error.reason)
        place = _shown(error.file, job) + (f":{error.line}" if error.line else "")
        return _failure(_shown(file, job), None, f"{error.reason} ({place})")
    except DecorationError as error:
        return _failure(_shown(file, job), None, str(error))
    except BaseException as error:  # noqa: BLE001 - a user's file may raise anything, SystemExit included
        return _explain(error, file, text, job)


def _records(file: Path, read: source.Source, text: script.Script, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    shown = _shown(file, job)
    run_config = RunConfig.model_validate(job["run_config"])
    canonical_source = read.canonical()
    began = time.time()
    with _loaded(text.text, shown, folder=Path(job["folder"]).name) as flows:
        loaded = [(flow.name, decorate(flow, run_config), moments_in(flow.schedule)) for flow in flows]
    if any(moments for _, _, moments in loaded):
        _check_repeatable(text.text, shown, loaded, began, job)
    for name, flow, _ in loaded:
        # What JSON cannot hold, the server cannot either.
        canonical(flow)
        own = flow.get("storage")
        parts = parts_of(flow, canonical_source, storage_part(own, name) if own else script_storage_part(job["kind"]))
        record: dict[str, Any] = {
            "name": name,
            "file": shown,
            "fingerprint": fingerprint_of(parts),
            "key": key_of(parts),
            "parts": parts,
            "scheduled": flow.get("schedule") is not None,
            "labels": sorted((flow.get("run_config") or {}).get("labels") or ()),
        }
        if job["bundles"]:
            kept = {field: value for field, value in record.items() if field not in {"scheduled", "labels"}}
            bundle.write(Path(job["bundles"]), bundle.Bundle(**kept, flow=flow, script=None if own else text.text))
        yield record


def _check_repeatable(
    text: str, shown: str, loaded: list[tuple[str, dict[str, Any], list[float]]], began: float, job: dict[str, Any]
) -> None:
    """Refuse a schedule that starts at the moment of loading: every load would be another version.

    Only a schedule with dates in it is loaded a second time. A start that moves slower than a load (today's midnight)
    is not noticed.
    """
    ended = time.time()
    run_config = RunConfig.model_validate(job["run_config"])
    with _loaded(text, shown, folder=Path(job["folder"]).name) as flows:
        again = {flow.name: decorate(flow, run_config) for flow in flows}
    for name, flow, moments in loaded:
        now = any(began - 1 <= moment <= ended + 1 for moment in moments)
        if now or canonical(again.get(name, {}).get("schedule")) != canonical(flow.get("schedule")):
            raise DecorationError(
                f"the schedule of flow {name!r} depends on the moment at which the file is loaded, so that every "
                "registration would be a new version; give it a fixed start (start_date, or an rrule's dtstart)"
            )


@contextlib.contextmanager
def _loaded(text: str, shown: str, *, folder: str) -> Iterator[list["prefect.Flow"]]:
    """Run a script as Prefect runs it from storage, and give its flows; leave the process as it was."""
    import prefect  # noqa: PLC0415 - paid once a worker, and never in the process that asks

    path, finders, environment = sys.path.copy(), sys.meta_path.copy(), os.environ.copy()
    place, streams = Path.cwd(), (sys.stdout, sys.stderr)
    names = {"__name__": FLOW_MODULE}
    # Streams of its own, which it may close.
    sys.stdout, sys.stderr = (os.fdopen(os.dup(2), "w", encoding="utf-8") for _ in streams)
    try:
        with warnings.catch_warnings(), prefect.context(loading_flow=True):
            warnings.simplefilter("ignore")
            # The made-up file name keeps the source out of reach, as it is when a run loads it.
            exec(compile(text, f"<{shown}>", "exec"), names)  # noqa: S102 - this is how Prefect loads a script
            # What it may have set is not for Prefect's own warnings.
            warnings.simplefilter("ignore")
            yield _flows_in(names, folder)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        sys.stdout, sys.stderr = streams
        sys.path[:], sys.meta_path[:] = path, finders
        for name in [name for name in sys.modules if name == folder or name.startswith(f"{folder}.")]:
            del sys.modules[name]
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
        os.chdir(place)


def _flows_in(names: dict[str, Any], folder: str) -> list["prefect.Flow"]:
    """Give the flows that the script itself defines, by name; those of modules of flows/ belong to other files."""
    import prefect  # noqa: PLC0415 - already loaded

    foreign = {
        id(value)
        for module in list(sys.modules)
        if module.startswith(f"{folder}.")
        for value in vars(sys.modules[module]).values()
        if isinstance(value, prefect.Flow)
    }
    flows: dict[str, prefect.Flow] = {}
    for value in names.values():
        if not isinstance(value, prefect.Flow) or id(value) in foreign:
            continue
        if flows.setdefault(value.name, value) is not value:
            raise DecorationError(f"two flows are named {value.name!r} in this file; a name is one flow's")
    return [flows[name] for name in sorted(flows)]


def _explain(error: BaseException, file: Path, text: script.Script | None, job: dict[str, Any]) -> dict[str, Any]:
    """Say what a file raised and at which of its lines, with the deeper place when it is in the project too."""
    shown = _shown(file, job)
    line, elsewhere = None, ""
    for frame in traceback.extract_tb(error.__traceback__):
        name = frame.filename.strip("<>")
        if name == shown and text is not None:
            line, elsewhere = text.line_in_file(frame.lineno or 1), ""
        elif frame.filename.startswith(f"<{Path(job['folder']).name}."):
            elsewhere = f" ({name.replace('.', '/')}.py:{frame.lineno})"
        elif frame.filename.startswith(job["root"] + os.sep) and f"{os.sep}site-packages{os.sep}" not in frame.filename:
            elsewhere = f" ({_shown(Path(frame.filename), job)}:{frame.lineno})"
    return _failure(shown, line, f"{_reason(error, job)}{elsewhere}")


def _reason(error: BaseException, job: dict[str, Any]) -> str:
    folder = Path(job["folder"])
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}) while it was loaded"
    if isinstance(error, ModuleNotFoundError) and error.name:
        first = error.name.partition(".")[0]
        if (folder / f"{first}.py").is_file():
            return f"no module named {first!r} where the flow runs: write `from {folder.name} import {first}`"
        return f"no module named {error.name!r}; is it misspelt, or missing from this environment?"
    if isinstance(error, NameError) and error.name == "__file__":
        return "it uses __file__, which a flow that is loaded from storage does not have"
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}"[:500] if message else type(error).__name__


def _shown(file: Path, job: dict[str, Any]) -> str:
    """Name a file as a person does, from the project's root."""
    with contextlib.suppress(ValueError):
        return file.relative_to(job["root"]).as_posix()
    return file.name


def _failure(file: str, line: int | None, reason: str) -> dict[str, Any]:
    return {"failure": {"file": file, "line": line, "reason": reason}}
