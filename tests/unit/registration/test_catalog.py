"""Loading files as users write them, broken ones included, in real worker processes.

One folder holds all the cases and is loaded once: what a case does must not reach its neighbours.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from registration import bundle
from registration.catalog import Catalog, Failure, Record, load
from registration.error import RegistrationError
from registration.settings import RunConfig
from tests.process import ends

ROOT = Path(__file__).parents[3]
HEAD = "from prefect import Flow, Parameter, apply_map, case, task\n"
LABELS = RunConfig(labels=("west", "east"))

FILES = {
    "plain": HEAD + "with Flow('plain') as flow:\n    Parameter('x', default=1)()\n",
    "several": HEAD + "first = again = Flow('several-1')\nsecond = Flow('several-2')\n",
    "nothing": "N = 3\n",
    "shared": "from .nothing import N\nfrom prefect import task\n\n@task\ndef add(x):\n    return x + N\n",
    "imports": HEAD
    + "from flows.shared import add\nfrom flows.plain import flow as other\nfrom tasks.t import get\n"
    + "with Flow('imports') as flow:\n    add(get())\n",
    "numbered": HEAD
    + "@task\ndef a(x):\n    return x\n\ndef body(x):\n    return a(a(a(x)))\n\n"
    + "with Flow('numbered') as flow:\n    apply_map(body, [1, 2])\n    a({a(1), a(2), a(a(3))})\n"
    + "    with case(a(4), True):\n        a(5)\n        a(6)\n",
    "noisy": HEAD + "import sys\nprint('{\"records\": []}')\nsys.stdout.write('x' * 100000)\nflow = Flow('noisy')\n",
    "meddler": HEAD
    + "import os, sys, warnings\nos.environ['MEDDLED'] = '1'\nos.chdir('/')\nsys.path.clear()\nsys.stdout.close()\n"
    + "warnings.simplefilter('error')\nflow = Flow('meddler')\n",
    "after_meddler": HEAD
    + "import os\nfrom tasks.t import get\nflow = Flow('after' if 'MEDDLED' not in os.environ else 'meddled')\n",
    "trigger": HEAD + "def mine(s):\n    return True\n\n@task(trigger=mine)\ndef t():\n    pass\n\n"
    "with Flow('own trigger') as flow:\n    t()\n",
    "own_run": HEAD + "from prefect.run_configs import DockerRun, UniversalRun\n"
    "a = Flow('own-run', run_config=DockerRun(image='i', labels=['mine']))\n"
    "b = Flow('own-run-open', run_config=UniversalRun(env={'A': 'b'}))\n",
    "own_storage": HEAD
    + "from prefect.storage import GitHub\nflow = Flow('own-storage', storage=GitHub('o/r', 'f.py'))\n",
    "cron": HEAD
    + "from prefect.schedules import CronSchedule\nflow = Flow('cron', schedule=CronSchedule('0 3 * * *'))\n",
    "interval": HEAD + "import datetime, pendulum\nfrom prefect.schedules import IntervalSchedule\n"
    "flow = Flow('interval', schedule=IntervalSchedule(pendulum.datetime(2024, 1, 1), datetime.timedelta(hours=1)))\n",
}
FAILING = {
    "exit": ("import sys\n\nsys.exit(3)\n", 3, "sys.exit(3)"),
    "raise_deep": ("from flows.raises import x\n", 1, "ValueError: no way (flows/raises.py:2)"),
    "raises": ("\nraise ValueError('no\\nway')\n", 2, "ValueError: no way"),
    "in_tasks": ("x = 1\nimport tasks.wrong\n", 2, "ZeroDivisionError: division by zero (tasks/wrong.py:1)"),
    "dies": ("import os\nprint('oh dear', flush=True)\nos._exit(4)\n", None, "exited with 4; its last words: oh dear"),
    "crashes": ("import ctypes\n\nctypes.string_at(0)\n", 3, "SIGSEGV"),
    "loops": ("x = 1\nwhile True:\n    x += 1\n", None, "not loaded within 3 seconds"),
    "syntax": ("x = 1\ndef (\n", 2, "not valid Python 3.11"),
    "sibling": ("import plain\n", 1, "write `from flows import plain`"),
    "missing": ("import no_such_package\n", 1, "no module named 'no_such_package'"),
    "own_file": ("import os\nprint(os.path.dirname(__file__))\n", 2, "uses __file__"),
    "interrupt": ("raise KeyboardInterrupt\n", 1, "KeyboardInterrupt"),
    "now": (
        HEAD + "import datetime, pendulum\nfrom prefect.schedules import IntervalSchedule\n"
        "start = pendulum.now('utc').add(days=3)\n"
        "flow = Flow('now', schedule=IntervalSchedule(start, datetime.timedelta(hours=1)))\n",
        None,
        "schedule of flow 'now' depends on the moment",
    ),
    "rrule": (
        HEAD + "from dateutil.rrule import DAILY, rrule\nfrom prefect.schedules import RRuleSchedule\n"
        "flow = Flow('rrule', schedule=RRuleSchedule(rrule(DAILY)))\n",
        None,
        "schedule of flow 'rrule' depends on the moment",
    ),
    "required": (
        HEAD + "from prefect.schedules import CronSchedule\n"
        "with Flow('required', schedule=CronSchedule('0 3 * * *')) as flow:\n    Parameter('p')()\n",
        None,
        "no default for its required parameter(s) p",
    ),
    "pickled": (
        HEAD + "from prefect.storage import S3\nflow = Flow('p', storage=S3('b'))\n",
        None,
        "sets the storage S3",
    ),
    "twice": (HEAD + "a = Flow('twice')\nb = Flow('twice')\n", None, "two flows are named 'twice'"),
    "dup_1": (HEAD + "flow = Flow('dup')\n", None, "also defined in flows/dup_2.py"),
    "dup_2": (HEAD + "flow = Flow('dup')\n", None, "also defined in flows/dup_1.py"),
    "not_json": (HEAD + "with Flow('n') as flow:\n    Parameter('p', default=float('nan'))()\n", None, "ValueError"),
}


def build(root: Path) -> Path:
    (root / "tasks").mkdir(parents=True)
    (root / "tasks" / "t.py").write_text("from prefect import task\n\n@task\ndef get():\n    return 1\n")
    (root / "tasks" / "wrong.py").write_text("1 / 0\n")
    (root / "flows").mkdir()
    for name, text in FILES.items():
        (root / "flows" / f"{name}.py").write_text(text)
    return root / "flows"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, Path]:
    root = tmp_path_factory.mktemp("gallery")
    folder = build(root)
    endless = root / "endless" / "flows"
    endless.mkdir(parents=True)
    for name, (text, _, _) in FAILING.items():
        ((endless if name == "loops" else folder) / f"{name}.py").write_text(text)
    found = load(folder, store="s", run_config=LABELS, bundles=root / "bundles", jobs=2)
    # Apart, as a busy machine may need as long for any other.
    given_up = load(endless, store="s", run_config=LABELS, timeout=3)
    return replace(found, failures=(*found.failures, *given_up.failures)), root / "bundles"


@pytest.fixture(scope="module")
def records(gallery: tuple[Catalog, Path]) -> dict[str, Record]:
    return {record.name: record for record in gallery[0].records}


def read(gallery: tuple[Catalog, Path], name: str) -> bundle.Bundle:
    record = next(record for record in gallery[0].records if record.name == name)
    return bundle.read(gallery[1], name, record.key)


def test_every_flow_at_module_level_is_found_once_in_the_order_of_names(gallery: tuple[Catalog, Path]) -> None:
    names = [record.name for record in gallery[0].records]
    expected = ["plain", "several-1", "several-2", "imports", "numbered", "noisy", "meddler", "after", "own trigger"]
    expected += ["own-run", "own-run-open", "own-storage", "cron", "interval"]
    assert names == sorted(expected)


@pytest.mark.parametrize("name", FAILING)
def test_a_file_that_fails_is_told_by_file_line_and_reason(name: str, gallery: tuple[Catalog, Path]) -> None:
    _, line, reason = FAILING[name]
    failure = next(failure for failure in gallery[0].failures if failure.file == f"flows/{name}.py")
    assert reason in failure.reason
    assert line is None or failure.line == line
    assert "\n" not in str(failure)
    assert "Traceback" not in str(failure)


def test_only_the_files_that_fail_are_told(gallery: tuple[Catalog, Path]) -> None:
    assert {failure.file for failure in gallery[0].failures} == {f"flows/{name}.py" for name in FAILING}


def test_an_endless_loop_is_told_with_a_line_inside_it(gallery: tuple[Catalog, Path]) -> None:
    failure = next(failure for failure in gallery[0].failures if failure.file == "flows/loops.py")
    assert failure.line in {2, 3}


def test_a_bundle_holds_what_the_record_says(gallery: tuple[Catalog, Path], records: dict[str, Record]) -> None:
    for name, record in records.items():
        held = read(gallery, name)
        assert (held.fingerprint, held.key, held.parts) == (record.fingerprint, record.key, record.parts)
        assert (held.flow["schedule"] is not None) == record.scheduled
        json.dumps(held.flow, allow_nan=False)


def test_the_environment_fills_what_a_flow_left_open(gallery: tuple[Catalog, Path]) -> None:
    plain, own, half = (read(gallery, name).flow["run_config"] for name in ("plain", "own-run", "own-run-open"))
    assert (plain["type"], plain["labels"]) == ("LocalRun", ["east", "west"])
    assert (own["type"], own["labels"], own["image"]) == ("DockerRun", ["mine"], "i")
    assert (half["type"], half["labels"], half["env"]) == ("UniversalRun", ["east", "west"], {"A": "b"})


def test_a_flow_keeps_its_own_storage_and_then_has_no_script(gallery: tuple[Catalog, Path]) -> None:
    assert read(gallery, "plain").flow["storage"] is None
    held = read(gallery, "own-storage")
    assert held.script is None
    assert (held.flow["storage"]["type"], held.flow["storage"]["repo"]) == ("GitHub", "o/r")


def test_schedules_are_known(records: dict[str, Record]) -> None:
    assert {name for name, record in records.items() if record.scheduled} == {"cron", "interval"}


@pytest.mark.parametrize("seed", ["0", "1", "77"])
def test_fingerprints_are_equal_in_another_folder_and_under_any_hash_seed(
    seed: str, tmp_path: Path, records: dict[str, Record]
) -> None:
    folder = build(tmp_path / "else where")
    code = (
        "import sys; from pathlib import Path; from registration.catalog import load\n"
        "from registration.settings import RunConfig\n"
        "found = load(Path(sys.argv[1]), store='/other', run_config=RunConfig(labels=('east', 'west')), jobs=1)\n"
        "print({r.name: r.key for r in found.records})"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PREFECT__TASKS__DEFAULTS__MAX_RETRIES": "5"}
    said = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str({name: record.key for name, record in records.items()})


def test_kubernetes_gets_its_resources_and_no_image(tmp_path: Path) -> None:
    config = RunConfig(type="kubernetes", labels=("aks",), cpu_request="250m", memory_limit="1Gi")
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "plain.py").write_text(FILES["plain"])
    url = "https://account.blob.core.windows.net/flows"
    found = load(folder, store=url, run_config=config, bundles=tmp_path / "b")
    flow = bundle.read(tmp_path / "b", "plain", found.records[0].key).flow["run_config"]
    assert (flow["type"], flow["labels"], flow["image"]) == ("KubernetesRun", ["aks"], None)
    assert (flow["cpu_request"], flow["memory_limit"], flow["cpu_limit"]) == ("250m", "1Gi", None)


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="does not exist"):
        load(tmp_path / "flows", store="s", run_config=LABELS)


def test_an_empty_folder_defines_nothing_and_starts_no_process(tmp_path: Path) -> None:
    assert load(tmp_path, store="s", run_config=LABELS) == Catalog(records=(), failures=())


def test_a_loading_process_ends_with_the_one_that_asked(tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "loops.py").write_text(
        f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\nwhile True:\n    pass\n"
    )
    code = (
        "from pathlib import Path; from registration.catalog import load; from registration.settings import RunConfig\n"
        f"load(Path({str(folder)!r}), store='s', run_config=RunConfig())"
    )
    asking = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        time.sleep(0.05)
    loading = int((tmp_path / "pid").read_text())
    asking.kill()
    asking.wait()
    assert ends(loading)


def test_failures_are_raised_as_one_error_with_a_line_each() -> None:
    failures = (Failure(file="flows/a.py", line=3, reason="no"), Failure(file="flows/b.py", line=None, reason="never"))
    with pytest.raises(RegistrationError) as caught:
        Catalog(records=(), failures=failures).raise_for_failures()
    assert str(caught.value) == "flows/a.py:3: no\nflows/b.py: never"
    Catalog(records=(), failures=()).raise_for_failures()


@pytest.mark.audit
def test_a_thousand_flows_are_planned_in_seconds_and_bounded_memory(tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    for number in range(1000):
        (folder / f"f{number}.py").write_text(FILES["numbered"].replace("'numbered'", f"'numbered-{number}'"))
    code = (
        "import re, resource, sys; from registration.command import main\n"
        "status = main(['plan', '--flows', sys.argv[1]])\n"
        # A process's own ru_maxrss starts at that of the process that it was forked from, a large pytest here.
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n"
        "sys.exit(status)"
    )
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert len(ran.stdout.splitlines()) == 1002
    asking, loading = (int(kilobytes) for kilobytes in ran.stderr.split())
    assert time.monotonic() - began < 120
    assert asking < 150_000
    assert loading < 300_000
