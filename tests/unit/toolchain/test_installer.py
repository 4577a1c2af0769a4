"""The command `python -m toolchain pulumi`, with a Go that builds nothing."""

import os
import signal
import stat
from pathlib import Path

import pytest

from tests.process import ends
from tests.unit.toolchain.conftest import Machine
from toolchain.tool import PULUMI, dotted

PROGRAMS = len(PULUMI.programs)


def test_it_prints_only_the_folder_that_holds_the_tool_and_all_it_needs_as_executables(machine: Machine) -> None:
    done = machine.run()
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.removesuffix("\n"))
    needed = {program.name for program in PULUMI.programs} | {Path(script.path).name for script in PULUMI.scripts}
    assert {file.name for file in folder.iterdir()} == needed
    assert all(file.stat().st_mode & stat.S_IXOTH for file in folder.iterdir())


def test_a_second_run_builds_nothing_and_says_nothing(machine: Machine) -> None:
    first, second = machine.run(), machine.run()
    assert len(machine.compilations()) == PROGRAMS
    assert second.stdout == first.stdout
    assert second.stderr == ""


def test_progress_names_the_tool_its_version_the_step_and_that_it_happens_once(machine: Machine) -> None:
    lines = machine.run().stderr.splitlines()
    assert all(line.startswith("pulumi: ") for line in lines)
    assert "happens once" in lines[0]
    assert dotted(PULUMI.version()) in lines[0]
    assert any("compiling pulumi-language-python" in line for line in lines)


def test_of_two_that_start_at_once_one_builds_and_both_get_the_tool(machine: Machine) -> None:
    first, second = machine.start(), machine.start()
    outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert outputs[0] == outputs[1]
    assert len(machine.compilations()) == PROGRAMS


def test_a_killed_build_leaves_nothing_that_is_taken_for_done_and_the_next_one_builds(machine: Machine) -> None:
    with machine.start(FAKE_GO_WAITS="1") as process:
        compiler = machine.wait_for_compilation()
        process.kill()
    os.kill(compiler, signal.SIGKILL)
    assert machine.entries() == []
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert len(machine.compilations()) == 1 + PROGRAMS
    assert machine.parts() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_build_that_is_stopped_stops_its_compiler_and_cleans_up(
    machine: Machine, number: signal.Signals, code: int
) -> None:
    with machine.start(FAKE_GO_WAITS="1") as process:
        compiler = machine.wait_for_compilation()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert machine.entries() == machine.parts() == []
    assert ends(compiler)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("write /cache/x.a: no space left on device", "the disk is full"),
        ("dial tcp: lookup proxy.example: no such host", "the registry cannot be reached"),
        ("verifying module: checksum mismatch", "not what is pinned"),
        ("./main.go:7:2: undefined: nothing", "stopped with an error"),
    ],
)
def test_a_build_that_fails_ends_in_one_line_that_says_why_and_names_the_log(
    machine: Machine, said: str, told: str
) -> None:
    done = machine.run(FAKE_GO_SAYS=said)
    assert done.returncode == 1
    assert done.stdout == ""
    *progress, last = done.stderr.splitlines()
    assert last.startswith("error: pulumi: compiling pulumi failed: ")
    assert told in last
    assert not [line for line in progress if line.startswith("error")]
    assert said in Path(last.rpartition("see ")[2]).read_text()
    assert machine.entries() == machine.parts() == []


def test_a_cache_that_cannot_be_written_is_one_line(machine: Machine) -> None:
    machine.cache.write_text("a file")
    done = machine.run()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: pulumi: the cache folder {machine.cache} cannot be used")


def test_a_module_without_the_script_that_belongs_beside_the_tool_is_one_line(machine: Machine) -> None:
    (machine.folder / "module" / PULUMI.scripts[0].path).unlink()
    done = machine.run()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"holds no {PULUMI.scripts[0].path}")
    assert machine.entries() == []


def test_a_new_enough_tool_on_path_is_used_and_nothing_is_built(machine: Machine) -> None:
    machine.put_pulumi(f"v{dotted(PULUMI.version())}", *PULUMI.companions)
    done = machine.run()
    assert done.stdout == f"{machine.path}\n"
    assert machine.compilations() == []
    assert not machine.cache.exists()


def test_the_companions_may_be_where_the_link_on_path_points_to(machine: Machine) -> None:
    machine.put_pulumi("v999.0.0", *PULUMI.companions)
    links = machine.folder / "links"
    links.mkdir()
    (links / "pulumi").symlink_to(machine.path / "pulumi")
    assert machine.run(PATH=str(links)).stdout == f"{links}\n"


@pytest.mark.parametrize(
    ("version", "companions", "told"),
    [
        ("v3.1.0", PULUMI.companions, "is 3.1.0, older than"),
        ("v999.0.0", (), "has no pulumi-language-python,"),
        ("nothing", PULUMI.companions, "does not tell its version"),
    ],
)
def test_a_tool_on_path_that_will_not_do_is_told_and_another_one_built(
    machine: Machine, version: str, companions: tuple[str, ...], told: str
) -> None:
    machine.put_pulumi(version, *companions)
    done = machine.run()
    assert told in done.stderr
    assert [done.stdout.strip()] == [str(machine.cache / entry) for entry in machine.entries()]
    assert len(machine.compilations()) == PROGRAMS
