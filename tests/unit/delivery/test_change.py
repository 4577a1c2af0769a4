import shutil
from pathlib import Path

import pytest

from components.prefect_server import chart_digest
from delivery import tree
from delivery.change import change
from delivery.change.flow_change import Loaded, compare
from delivery.error import UsageError
from delivery.tree import Tree
from tests.unit.delivery import scratch
from tests.unit.delivery.scratch import CHART, FILES, ROOT


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Tree, Tree]:
    """Two trees with the same files, of which only the second is a repository."""
    for name in ("before", "after"):
        scratch.write(tmp_path / name, {name: text for name, text in FILES.items() if name.startswith("Pulumi")})
        shutil.copytree(ROOT / CHART, tmp_path / name / CHART)
    scratch.commit(tmp_path / "after")
    return look(tmp_path / "before"), tree.working(tmp_path / "after")


def look(root: Path) -> Tree:
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return Tree(root=root, paths=tuple(names))


def settings(trees: tuple[Tree, Tree], before: str, after: str) -> list[tuple[str, str | None, str | None]]:
    found = []
    for each, text in zip(trees, (before, after), strict=True):
        (each.root / "Pulumi.dev.yaml").write_text(text)
        found.append(change.configuration(each, "dev"))
    was, now = found
    assert was
    assert now
    return [(each.key, each.before, each.after) for each in change.settings(was, now)]


@pytest.mark.parametrize(
    "file", ["Chart.yaml", "values.yaml", "values.schema.json", "templates/NOTES.txt", "files/alive.py", "charts/a.tgz"]
)
def test_what_the_release_is_rendered_from_upgrades_the_server(trees: tuple[Tree, Tree], file: str) -> None:
    assert upgraded(trees, file) is True


@pytest.mark.parametrize("file", ["README.md", "waivers.yaml", "ci/new.yaml", "tests/new.yaml", "templates/ui.yaml~"])
def test_what_it_is_not_rendered_from_does_not(trees: tuple[Tree, Tree], file: str) -> None:
    assert upgraded(trees, file) is False


def upgraded(trees: tuple[Tree, Tree], file: str) -> bool:
    """Change a file of the chart; the program's own digest of it is what the server's release has."""
    before, after = trees
    path = after.root / CHART / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((path.read_bytes() if path.exists() else b"") + b"\n# more\n")
    found = bool(change.server(before, tree.working(after.root)))
    assert found is (chart_digest(before.root / CHART) != chart_digest(after.root / CHART))
    return found


def test_a_secret_is_told_to_differ_and_not_what_it_is(trees: tuple[Tree, Tree]) -> None:
    text = "config:\n  prefect-aks:webhook:\n    secure: v1:{0}\n  azure-native:location: {1}\n"
    assert settings(trees, text.format("AAAA", "north"), text.format("BBBB", "south")) == [
        ("azure-native:location", "north", "south"),
        ("webhook", "(secret)", "(secret)"),
    ]
    plain = "config:\n  prefect-aks:webhook: https://example.com\n"
    assert settings(trees, plain, text.format("BBBB", "south"))[1] == ("webhook", "(secret)", "(secret)")


def test_a_setting_that_names_its_default_is_no_change_and_neither_is_a_new_key_with_its_default(
    trees: tuple[Tree, Tree],
) -> None:
    after = trees[1].root / "Pulumi.yaml"
    after.write_text(f"{after.read_text()}  fresh: {{type: string, default: a}}\n")
    assert settings(trees, "config: {}\n", 'config:\n  prefect-aks:zones: "1,2,3"\n') == []
    assert change.program(*trees) == ("Pulumi.yaml",)
    assert settings(trees, "config: {}\n", "config:\n  prefect-aks:fresh: b\n") == [("fresh", None, "b")]


def test_descriptions_and_defaults_of_the_project_are_no_program(trees: tuple[Tree, Tree]) -> None:
    after = trees[1].root / "Pulumi.yaml"
    after.write_text(after.read_text().replace("description: Where", "description: There").replace('"1,2,3"', '"1"'))
    assert change.program(*trees) == ()
    after.write_text(after.read_text().replace("zones: {type: string", "zones: {type: integer"))
    assert change.program(*trees) == ("Pulumi.yaml",)


@pytest.mark.parametrize(("file", "text"), [("Pulumi.dev.yaml", "config: [\n"), ("Pulumi.yaml", "config: [\n")])
def test_a_file_that_is_no_yaml_is_named(trees: tuple[Tree, Tree], file: str, text: str) -> None:
    (trees[1].root / file).write_text(text)
    with pytest.raises(UsageError, match=rf"^{file}: "):
        change.configuration(trees[1], "dev")


@pytest.mark.parametrize("file", ["Pulumi.dev.yaml", "Pulumi.yaml"])
@pytest.mark.parametrize("text", ["config: [\n", "config:\n- a\n"])
def test_what_nobody_can_read_in_a_revision_is_not_known_and_what_was_mended_is_program(
    trees: tuple[Tree, Tree], file: str, text: str
) -> None:
    assert change.known(trees[0], "dev") == change.configuration(trees[0], "dev")
    (trees[0].root / file).write_text(text)
    assert change.known(trees[0], "dev") is None
    assert change.program(*trees) == (("Pulumi.yaml",) if file == "Pulumi.yaml" else ())


def test_another_engine_touches_every_stack(trees: tuple[Tree, Tree]) -> None:
    pins = [f"toolchain/{name}/go.sum" for name in ("pulumi-language-python", "pulumi")]
    scratch.write(trees[1].root, dict.fromkeys([*pins, "toolchain/helm/go.sum"], "new\n"))
    assert change.program(trees[0], tree.working(trees[1].root)) == tuple(pins)


@pytest.mark.parametrize(("removal", "action"), [("retain", "retain"), ("archive", "archive"), ("", "archive")])
def test_a_flow_that_goes_is_kept_on_the_server_where_the_stack_retains(removal: str, action: str) -> None:
    before = Loaded(flows={"etl": {"name": "etl", "file": "flows/etl.py"}})
    (flow,) = compare(before, Loaded(), removal)
    assert (flow.name, flow.action) == ("etl", action)


def test_a_flow_that_did_not_load_before_is_an_update_and_a_new_format_is_a_reason() -> None:
    before = Loaded(
        flows={"old": {"name": "old", "file": "f/old.py", "parts": {"source": "a", "format": "1"}}},
        refused={"f/mended.py": "f/mended.py:1: wrong"},
    )
    parts = {"source": "a", "format": "2", "future": "x"}
    after = Loaded(
        flows={name: {"name": name, "file": f"f/{name}.py", "parts": parts} for name in ("old", "mended", "new")}
    )
    assert {flow.name: (flow.action, flow.reasons) for flow in compare(before, after, "archive")} == {
        "mended": ("update", ("did not load before",)),
        "new": ("register", ("new",)),
        "old": ("update", ("format", "future")),
    }
