"""What Prefect Server does by itself, in loops: the scheduler, the zombie killer and Lazarus.

Each run is handled in a transaction of its own, so that one that fails holds up no other.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa
from prefect.engine.state import Failed, Retrying, Scheduled

from emulators.prefect_api.column import now
from emulators.prefect_api.error import RefusedError
from emulators.prefect_api.model import Flow, FlowGroup, FlowRun, Log, Task, TaskRun, TaskRunState
from emulators.prefect_api.store.schedule import schedule_flow_runs
from emulators.prefect_api.store.state import enter_flow_run_state, enter_task_run_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from emulators.prefect_api.database import Database

STALE = dt.timedelta(minutes=10)
RESURRECTIONS = 3
# A flow run with a task run in one of these is not dead, only waiting or working.
ALIVE = ("Scheduled", "Paused", "Resume", "Retrying", "Queued", "Running", "Cancelling")

logger = logging.getLogger(__name__)


def schedule_runs(database: Database) -> int:
    """Schedule the next runs of all active flows, and return how many are new."""
    active = sa.select(Flow.id).where(Flow.is_schedule_active.is_(True), Flow.archived.is_(False))

    def act(session: Session, flow_id: str) -> int:
        flow = session.get(Flow, flow_id)
        return len(schedule_flow_runs(session, flow)) if flow else 0

    return _each(database, active, act)


def kill_zombies(database: Database, stale: dt.timedelta = STALE) -> int:
    """Retry or fail the task runs, and fail the cancelling flow runs, whose process sends no heartbeat any more."""
    before = now() - stale
    task_runs = (
        sa.select(TaskRun.id)
        .join(FlowRun, FlowRun.id == TaskRun.flow_run_id)
        .where(TaskRun.state == "Running", FlowRun.heartbeat <= before)
    )
    cancelling = sa.select(FlowRun.id).where(FlowRun.state == "Cancelling", FlowRun.heartbeat <= before)
    return _each(database, task_runs, _kill_task_run) + _each(database, cancelling, _kill_flow_run)


def resurrect(database: Database, stale: dt.timedelta = STALE) -> int:
    """Reschedule the flow runs whose process has vanished, at most three times each."""
    alive = sa.exists().where(TaskRun.flow_run_id == FlowRun.id, TaskRun.state.in_(ALIVE))
    dead = sa.select(FlowRun.id).where(
        FlowRun.state.in_(("Running", "Submitted")), FlowRun.heartbeat <= now() - stale, sa.not_(alive)
    )
    return _each(database, dead, _resurrect)


# In seconds, as Prefect Server's own.
INTERVALS: tuple[tuple[Callable[[Database], int], float], ...] = (
    (schedule_runs, 150),
    (kill_zombies, 120),
    (resurrect, 600),
)


class Services:
    """The three loops, each in a thread.

    Args:
        interval: seconds between the turns of every loop, in place of their own intervals.
    """

    def __init__(self, database: Database, interval: float | None = None) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(act, database, interval or own), name=act.__name__, daemon=True)
            for act, own in INTERVALS
        ]

    def start(self) -> None:
        """Start the loops."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the loops after what they are at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _loop(self, act: Callable[[Database], int], database: Database, interval: float) -> None:
        while not self._stop.is_set():
            try:
                changed = act(database)
                if changed:
                    logger.info("%s: %d", act.__name__, changed)
            except Exception:
                # A full disk, for one, must not end the loop: it is over one day.
                logger.exception("%s failed and will be tried again", act.__name__)
            self._stop.wait(interval)


def _each(database: Database, which: sa.Select[str], act: Callable[[Session, str], int]) -> int:
    with database.read() as session:
        ids = session.scalars(which).all()
    changed = 0
    for row_id in ids:
        try:
            with database.write() as session:
                changed += act(session, row_id)
        except RefusedError as error:
            logger.warning("%s of %s: %s", act.__name__, row_id, error)
    return changed


def _switched_on(session: Session, run: FlowRun, *names: str) -> bool:
    group = session.scalar(sa.select(FlowGroup).join(Flow).where(Flow.id == run.flow_id))
    return group is not None and all(group.settings.get(name) is not False for name in names)


def _log(session: Session, run: FlowRun, level: str, message: str, task_run_id: str | None = None) -> None:
    name = "prefect-server"
    session.add(Log(flow_run_id=run.id, task_run_id=task_run_id, level=level, name=name, message=message))


def _kill_task_run(session: Session, task_run_id: str) -> int:
    task_run = session.get_one(TaskRun, task_run_id)
    run, task = session.get_one(FlowRun, task_run.flow_run_id), session.get_one(Task, task_run.task_id)
    if task_run.state != "Running" or not _switched_on(session, run, "heartbeat_enabled"):
        return 0
    retries = session.scalar(
        sa.select(sa.func.count()).where(TaskRunState.task_run_id == task_run.id, TaskRunState.state == "Retrying")
    )
    attempt = (retries or 0) + 1
    if run.state == "Running" and attempt <= (task.max_retries or 0):
        message = f"No heartbeat detected from the remote task; retrying it, attempt {attempt} of {task.max_retries}."
        start = now() + (task.retry_delay or dt.timedelta())
        enter_task_run_state(session, task_run, Retrying(message, run_count=attempt, start_time=start))
    else:
        message = "No heartbeat detected from the remote task; marking the run as failed."
        enter_task_run_state(session, task_run, Failed(message))
    _log(session, run, "ERROR", message, task_run.id)
    return 1


def _kill_flow_run(session: Session, flow_run_id: str) -> int:
    run = session.get_one(FlowRun, flow_run_id)
    if run.state != "Cancelling" or not _switched_on(session, run, "heartbeat_enabled"):
        return 0
    message = "No heartbeat detected from the flow run; marking the run as failed."
    enter_flow_run_state(session, run, Failed(message))
    _log(session, run, "ERROR", message)
    return 1


def _resurrect(session: Session, flow_run_id: str) -> int:
    run = session.get_one(FlowRun, flow_run_id)
    if run.state not in {"Running", "Submitted"} or not _switched_on(
        session, run, "heartbeat_enabled", "lazarus_enabled"
    ):
        return 0
    if run.times_resurrected >= RESURRECTIONS:
        message = f"A Lazarus process rescheduled this run {RESURRECTIONS} times without success. Marking it as failed."
        enter_flow_run_state(session, run, Failed(message))
        _log(session, run, "ERROR", message)
        return 1
    enter_flow_run_state(session, run, Scheduled("Rescheduled by a Lazarus process.", start_time=now()))
    run.times_resurrected += 1
    _log(session, run, "INFO", f"Rescheduled by a Lazarus process. This is attempt {run.times_resurrected}.")
    return 1
