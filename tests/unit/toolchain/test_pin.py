"""The pinned modules of the tools."""

import re
from dataclasses import replace

import pytest

from toolchain.error import ToolError
from toolchain.tool import PULUMI, TOOLS, TRIVY, Program, Tool, version_in


@pytest.mark.parametrize(
    ("tool", "program"), [pytest.param(tool, p, id=p.name) for tool in TOOLS.values() for p in tool.programs]
)
def test_every_module_of_a_program_is_pinned_by_hash_and_replaced_by_no_folder(tool: Tool, program: Program) -> None:
    folder = tool.pins / program.module
    assert f"{program.version_module} {tool.pinned(program)} h1:" in (folder / "go.sum").read_text()
    text = (folder / "go.mod").read_text()
    if program.package.startswith("./"):
        assert [path for path in tool.pin_files() if path.is_relative_to(folder / program.package)]
    else:
        assert re.search(rf"^(tool |\t){re.escape(program.package)}$", text, re.MULTILINE)
    assert "=> ." not in text
    assert "://" not in text


def test_every_script_is_of_a_module_that_is_pinned() -> None:
    for script in PULUMI.scripts:
        assert f"{script.module} v" in (PULUMI.pins / script.program / "go.mod").read_text()


def test_a_module_that_go_mod_does_not_require_is_an_error_that_names_both() -> None:
    stranger = Program(name="pulumi", package="", version_module="example.com/none")
    with pytest.raises(ToolError, match=r"toolchain/pulumi/go\.mod .* example\.com/none"):
        PULUMI.pinned(stranger)


def test_a_tool_that_is_built_with_another_experiment_of_go_is_another_entry_of_the_cache() -> None:
    assert replace(TRIVY, experiments=()).recipe() != TRIVY.recipe()


@pytest.mark.parametrize(
    ("text", "version"),
    [("v3.259.0\n", (3, 259, 0)), ("go1.26", (1, 26, 0)), ("v3.260.0-alpha.1", (3, 260, 0)), ("none", None)],
)
def test_a_version_is_read_from_what_commands_say(text: str, version: tuple[int, int, int] | None) -> None:
    assert version_in(text) == version
