"""One registration of a folder from its start to its outcome: load, ask, plan, apply.

Nothing is written before everything was loaded and planned.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from registration import bundle, catalog, label, parallel
from registration.api import Api, Server
from registration.apply import Target, carry_out
from registration.connection import open_api
from registration.error import RegistrationError
from registration.plan import CHANGES, Step, leftovers, plan, wants_record, without_server
from registration.settings import Settings, Tenant
from registration.store import Store, open_store


class UsageError(RegistrationError):
    """A command line that asks for what cannot be."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked for; `only` names the flows to look at, all when empty."""

    settings: Settings
    flows: Path
    bundles: Path | None = None
    only: tuple[str, ...] = ()
    jobs: int = 4
    timeout: float = 60.0
    apply: bool = False
    keep_going: bool = False
    allow_empty: bool = False

    @property
    def root(self) -> Path:
        """The project's root."""
        return self.flows.absolute().parent


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a session came to.

    `errors` holds the exception of each flow that failed, `problem` what kept the server from being asked.
    """

    steps: Sequence[Step]
    failures: Sequence[catalog.Failure]
    errors: Mapping[str, RegistrationError] = field(default_factory=dict)
    problem: RegistrationError | None = None
    applied: bool = False


def run(job: Job) -> Outcome:
    """Do what a job asks for; without an API address, load the flows and no more."""
    store = open_store(job.settings.store, job.root)
    bundles = (job.bundles or job.root / ".local" / "bundles") if job.apply else None
    found = _load(job, bundles)
    failures = [each for each in found.failures if not job.only or any(map(each.may_define, job.only))]
    alone = without_server(found.records, job.only)
    if not job.settings.api:
        _check_names(job, found, {}, failures)
        return Outcome(steps=alone, failures=failures)
    with open_api(job.settings.api) as api:
        try:
            server = api.server(str(job.settings.project), job.settings.tenant)
            _check_names(job, found, server.rows, failures)
            steps = _plan(job, found, server, store)
        except UsageError:
            raise
        except RegistrationError as error:
            return Outcome(steps=[step.failed(str(error)) for step in alone], failures=failures, problem=error)
        if bundles is None:
            return Outcome(steps=steps, failures=failures)
        if failures and not job.keep_going:
            return Outcome(steps=[_held(step) for step in steps], failures=failures)
        _check_empty(job, steps, found)
        results, errors = _apply(job, steps, api, server, store, bundles)
    return Outcome(steps=results, failures=failures, errors=errors, applied=True)


def _held(step: Step) -> Step:
    if step.action not in CHANGES:
        return step
    return step.failed("not applied, because a file is refused; mend it, or add --keep-going")


def _load(job: Job, bundles: Path | None) -> catalog.Catalog:
    bar = _Progress("loading")
    try:
        found = catalog.load(
            job.flows,
            store=job.settings.store,
            run_config=job.settings.run_config,
            bundles=bundles,
            jobs=job.jobs,
            timeout=job.timeout,
            progress=bar.show,
        )
    finally:
        bar.close()
    return label.check(found, job.settings.agent_labels)


def _check_names(
    job: Job, found: catalog.Catalog, rows: Mapping[str, Any], failures: Sequence[catalog.Failure]
) -> None:
    known = {record.name for record in found.records} | set(rows)
    unknown = [name for name in job.only if name not in known and not any(each.may_define(name) for each in failures)]
    if unknown:
        names = ", ".join(repr(name) for name in sorted(known)[:10]) or "none"
        raise UsageError(f"no flow is named {unknown[0]!r}; there are: {names}")


def _check_empty(job: Job, steps: Sequence[Step], found: catalog.Catalog) -> None:
    archived = sum(step.action == "archive" for step in steps)
    if archived and not found.records and not job.allow_empty and not job.only:
        raise UsageError(
            f"the folder defines no flow, so all {archived} flow(s) of the project would be archived; "
            "is --flows right? if so, add --allow-empty"
        )


def _plan(job: Job, found: catalog.Catalog, server: Server, store: Store) -> list[Step]:
    policy, records = job.settings.schedules, {record.name: record for record in found.records}
    wanted = [
        row
        for name, row in server.rows.items()
        if (not job.only or name in job.only) and wants_record(records.get(name), row)
    ]
    past: dict[str, Mapping[str, Any]] = {}
    for row, result in parallel.each(lambda row: store.record(row.name, str(row.record_id)), wanted, job.jobs):
        if isinstance(result, Exception):
            raise result
        past[row.name] = result or {}
    steps = plan(found, server.rows, past, policy=policy, removal=job.settings.removal, only=job.only)
    return steps if job.only else [*steps, *leftovers(server.leftovers)]


def _apply(  # noqa: PLR0913, PLR0917 - the plan, and where it is carried out
    job: Job, steps: Sequence[Step], api: Api, server: Server, store: Store, bundles: Path
) -> tuple[list[Step], dict[str, RegistrationError]]:
    results: list[Step] = list(steps)
    errors: dict[str, RegistrationError] = {}
    todo = [index for index, step in enumerate(steps) if step.action in CHANGES]
    if not todo:
        return results, errors
    try:
        project_id = _project(job.settings, api, server)
    except RegistrationError as error:
        for index in todo:
            results[index] = steps[index].failed(str(error))
            errors[steps[index].name] = error
        return results, errors
    target = Target(api=api, store=store, project_id=project_id, schedules=job.settings.schedules)

    def work(index: int) -> Step:
        step = steps[index]
        loads = step.action in {"register", "update"} and step.record is not None
        return carry_out(
            step, target, bundle.read(bundles, step.name, step.record.key) if loads and step.record else None
        )

    bar = _Progress("applying")
    for count, (index, result) in enumerate(parallel.each(work, todo, job.jobs), 1):
        if isinstance(result, RegistrationError):
            results[index] = steps[index].failed(str(result))
            errors[steps[index].name] = result
        elif isinstance(result, Exception):
            raise result
        else:
            results[index] = result
        bar.show(count, len(todo))
    bar.close()
    return results, errors


def _project(settings: Settings, api: Api, server: Server) -> str:
    if server.project_id is not None:
        return server.project_id
    tenant_id = server.tenant_id or api.ensure_tenant(settings.tenant or Tenant(name="default", slug="default"))
    return api.ensure_project(str(settings.project), tenant_id)


class _Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bar: Any = None

    def show(self, done: int, total: int) -> None:
        """Show how much is done; called from any thread."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = tqdm(total=total, desc=self._text, leave=False, file=sys.stderr)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
