"""What counts as the source of a flow, and what stored scripts run without flows/."""

from pathlib import Path

import pytest

from registration import script, source

FLOW = '''"""A flow."""
import os


def work(x):
    """Work."""
    return {"a": x, 'b': 1_000}  # a note
'''
REFORMATTED = """#!/usr/bin/env python
import os

def work(
    x,
):

    return {
        'a': x,
        "b": 1000,
    }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    return tmp_path / "flows"


def put(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / f"{next(iter(files))}.py"


def canonical(folder: Path, **files: str) -> str:
    return source.read(put(folder, **files), folder).canonical()


def test_comments_formatting_and_docstrings_do_not_count(folder: Path) -> None:
    assert canonical(folder, a=FLOW) == canonical(folder, a=REFORMATTED)


def test_line_ends_and_a_byte_order_mark_do_not_count(folder: Path) -> None:
    before = canonical(folder, a=FLOW)
    (folder / "a.py").write_bytes(b"\xef\xbb\xbf" + FLOW.replace("\n", "\r\n").encode())
    assert source.read(folder / "a.py", folder).canonical() == before


def test_code_counts(folder: Path) -> None:
    assert canonical(folder, a=FLOW) != canonical(folder, a=FLOW.replace("1_000", "1_001"))


@pytest.mark.parametrize(
    "text",
    [
        "import flows.b",
        "import flows.b as c",
        "from flows.b import N",
        "from flows import b",
        "def work():\n    from flows.b import N\n    return N",
        "from flows.via import *",
    ],
)
def test_a_module_of_the_folder_counts_however_it_is_imported(folder: Path, text: str) -> None:
    via = "from .b import N"
    before = canonical(folder, a=text, b="N = 1", via=via)
    assert canonical(folder, a=text, b="N = 2  # changed", via=via) != before
    assert canonical(folder, a=text, b="N = 1  # a note", via=via) == before


def test_a_module_in_a_package_below_counts_with_its_parents(folder: Path) -> None:
    files = {"a": "from flows.lib.deep import N", "lib__in____init__": "M = 1", "lib__in__deep": "from ..b import N"}
    read = source.read(put(folder, **files, b="N = 1"), folder)
    assert set(read.modules) == {"flows", "flows.lib", "flows.lib.deep", "flows.b"}
    assert read.packages == {"flows", "flows.lib"}


def test_tasks_and_strangers_do_not_count(folder: Path) -> None:
    read = source.read(put(folder, a="import tasks.t\nfrom utils import u\nimport flowsy", b="N = 1"), folder)
    assert dict(read.modules) == {}


def test_modules_that_import_each_other_end(folder: Path) -> None:
    read = source.read(put(folder, a="import flows.b", b="import flows.c", c="import flows.b"), folder)
    assert set(read.modules) == {"flows", "flows.b", "flows.c"}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("x = 1\ndef (", 2, "not valid Python"),
        ("from prefect import Flow\nfrom .b import N\nflow = 1", 2, "write `from flows.b import"),
    ],
)
def test_a_file_that_cannot_work_is_told_with_its_line(folder: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(source.SourceError, match=reason) as caught:
        source.read(put(folder, a=text), folder)
    assert caught.value.line == line


def test_a_file_that_is_not_utf8_is_told_with_its_line(folder: Path) -> None:
    (folder / "a.py").write_bytes(b"x = 1\ny = '\xff'\n")
    with pytest.raises(source.SourceError, match="UTF-8") as caught:
        source.read(folder / "a.py", folder)
    assert caught.value.line == 2


def test_a_module_that_only_others_import_may_import_from_its_package(folder: Path) -> None:
    assert source.read(put(folder, a="from .b import N\n", b="N = 1"), folder).text == ""


def test_a_flow_that_imports_nothing_of_the_folder_is_stored_as_it_is(folder: Path) -> None:
    assert script.write(source.read(put(folder, a=FLOW), folder)).text == FLOW


def test_a_stored_script_runs_where_the_folder_does_not_exist(folder: Path) -> None:
    head = '"""Doc."""\nfrom __future__ import annotations\n'
    text = (
        f"{head}from flows.b import N\nfrom flows import c\nimport flows.lib.deep as deep\nvalue = (N, c.M, deep.L)\n"
    )
    files = {"b": "from .c import M\nN = M + 1", "c": "M = 1", "lib__in__deep": 'L = "\'\\n"'}
    written = script.write(source.read(put(folder, a=text, **files), folder))
    names: dict[str, object] = {}
    (folder / "b.py").unlink()
    run(written.text, names)
    assert names["value"] == (2, 1, "'\n")
    assert names["__doc__"] == "Doc."


def test_a_line_of_a_stored_script_is_found_in_its_file(folder: Path) -> None:
    text = '"""Doc."""\nfrom flows import b\nwrong = 1 / b.ZERO\n'
    written = script.write(source.read(put(folder, a=text, b="ZERO = 0"), folder))
    with pytest.raises(ZeroDivisionError) as caught:
        run(written.text, {})
    assert caught.traceback[-1].lineno is not None
    assert written.line_in_file(caught.traceback[-1].lineno + 1) == 3


def run(text: str, names: dict[str, object]) -> None:
    """Run a script in a process-like state: what it imports is forgotten afterwards."""
    import sys  # noqa: PLC0415 - only here is the interpreter's state of interest

    finders = sys.meta_path.copy()
    known = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "flows"}
    try:
        exec(compile(text, "<stored>", "exec"), names)  # noqa: S102 - this is how Prefect runs it
    finally:
        sys.meta_path[:] = finders
        for name in [name for name in sys.modules if name.partition(".")[0] == "flows"]:
            del sys.modules[name]
        sys.modules.update(known)
