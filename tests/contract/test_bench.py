"""What is timed comes to the same by both commands, and is written down."""

import json
from pathlib import Path

import pytest

from tests.bench import __main__ as bench


@pytest.mark.audit
def test_both_commands_are_timed_on_the_same_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # The emulator is started from here.
    monkeypatch.setenv("PYTHONPATH", str(bench.ROOT))
    assert bench.main(["--flows", "3", "--rounds", "2"]) == 0
    rows = json.loads(bench.FILE.read_text())["registration"]
    assert [row["name"] for row in rows] == [*bench.CASES]
    assert {len(seconds) for row in rows for seconds in row["seconds"].values()} == {2}
    assert "written to build/bench.json" in capsys.readouterr().out
