"""The worker processes that load flow files, kept alive from file to file and replaced when one dies.

They are plain subprocesses and not multiprocessing's: those run the caller's main module again, which inside the
Pulumi program would run the program again.
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

# faulthandler ends a file that hangs and says where; this is for the one that it cannot end.
_GRACE = 5.0

_START = "import sys; sys.path.insert(0, {home!r}); from registration.worker import main; main()"


class Crew:
    """A few workers that share a list of files; a worker that dies costs its file and is replaced."""

    def __init__(self, job: Mapping[str, Any], files: list[Path], progress: Callable[[int, int], None] | None) -> None:
        self._job = job
        self._files: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for file in files:
            self._files.put(file)
        self._total = len(files)
        self._progress = progress
        self._answers: dict[Path, Mapping[str, Any]] = {}
        self._workers: set[Worker] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, count: int) -> dict[Path, Mapping[str, Any]]:
        """Load every file with so many workers, and give each file's answer."""
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self._stopped = True
            with self._lock:
                left = set(self._workers)
            for worker in left:
                # Its thread still reads what it said, and closes that.
                worker.kill()
        return self._answers

    def _work(self) -> None:
        worker: Worker | None = None
        while not self._stopped:
            try:
                file = self._files.get_nowait()
            except queue.Empty:
                break
            try:
                worker = worker or self._start()
                answer = worker.ask(file)
            except OSError as error:
                answer = _failed(file, self._job, f"no process could be started to load it: {error.strerror}")
            if answer.pop("dead", False) and worker is not None:
                self._drop(worker)
                worker = None
            with self._lock:
                self._answers[file] = answer
                done = len(self._answers)
            if self._progress is not None and not self._stopped:
                self._progress(done, self._total)
        if worker is not None:
            self._drop(worker)

    def _start(self) -> "Worker":
        worker = Worker(self._job)
        with self._lock:
            self._workers.add(worker)
        return worker

    def _drop(self, worker: "Worker") -> None:
        worker.stop()
        with self._lock:
            self._workers.discard(worker)


class Worker:
    """One worker process, asked one file at a time."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job
        # What flow files print goes here: it must not mix with our own output, and its end tells how a process died.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-P", "-X", "faulthandler", "-c", _START.format(home=job["home"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
        )
        self._send(job)

    def ask(self, file: Path) -> dict[str, Any]:
        """Load a file; an answer with `dead` when the process did not survive it."""
        overdue = threading.Event()
        timer = threading.Timer(self._job["timeout"] + _GRACE, self._kill, args=(overdue,))
        timer.start()
        try:
            self._send({"file": str(file)})
            line = self._process.stdout.readline() if self._process.stdout else ""
        finally:
            timer.cancel()
        if line.endswith("\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self._process.wait()
        return {**_failed(file, self._job, *self._last_words(file, code, late=overdue.is_set())), "dead": True}

    def kill(self) -> None:
        """End the process, from any thread; whatever it was loading is lost."""
        self._process.kill()

    def stop(self) -> None:
        """End the process, and close what led to it."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            if pipe is not None:
                _close(pipe)

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(message) + "\n")
                self._process.stdin.flush()
        except BrokenPipeError:
            # It is dead; reading its answer says how.
            return

    def _kill(self, overdue: threading.Event) -> None:
        overdue.set()
        self.kill()

    def _last_words(self, file: Path, code: int, *, late: bool) -> tuple[str, int | None]:
        """Say why the process ended, and at which line of the file if it still told."""
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 100_000))
        text = self._said.read().decode("utf-8", "replace")
        shown = re.escape(f"<{file.parent.name}/{file.name}>")
        lines = re.findall(rf'File "{shown}", line (\d+)', text)
        line = int(lines[0]) if lines else None
        if late or "Timeout (" in text:
            return f"it was not loaded within {self._job['timeout']:g} seconds", line
        if code < 0:
            return f"the process that loaded it was ended by {signal.Signals(-code).name}", line
        last = next((each for each in reversed(text.splitlines()) if each.strip()), "")
        words = f"; its last words: {last.strip()[:200]}" if last else ""
        return f"the process that loaded it exited with {code}{words}", line


def _failed(file: Path, job: Mapping[str, Any], reason: str, line: int | None = None) -> dict[str, Any]:
    shown = file.relative_to(job["root"]).as_posix()
    return {"failure": {"file": shown, "line": line, "reason": reason}}


def _close(pipe: IO[Any]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return
