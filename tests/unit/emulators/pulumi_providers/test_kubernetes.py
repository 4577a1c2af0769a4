"""The emulated kubernetes provider without a cluster, and in front of one that does not answer."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.pulumi_providers.home import KUBECONFIG, environment
from emulators.pulumi_providers.provider import RefusedError
from emulators.pulumi_providers.value import UNKNOWN, Secret, decode, encode

CONFIG_MAP = "core/v1:ConfigMap"
RELEASE = "helm.sh/v3:Release"
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": False,
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "pattern": "^[a-z./]+:"},
        "password": {"type": "string", "maxLength": 3},
        "replicas": {"type": "integer", "minimum": 1},
        "mode": {"enum": ["a", "b"]},
        "database": {
            "type": "object",
            "required": ["host"],
            "properties": {"host": {"type": "string", "minLength": 1}},
        },
    },
    "if": {"properties": {"mode": {"const": "b"}}, "required": ["mode"]},
    "then": {"required": ["password"]},
}
VALUES = "{image: 'app:1', replicas: 1, database: {host: ''}}"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart with a closed schema."""
    folder = tmp_path / "chart"
    folder.mkdir()
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: small, version: 1.2.3}")
    (folder / "values.yaml").write_text(VALUES)
    (folder / "values.schema.json").write_text(json.dumps(SCHEMA))
    return folder


@pytest.fixture
def unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The kubeconfig of a cluster that does not answer."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        named = {"name": "a", "cluster": {"server": f"http://127.0.0.1:{held.getsockname()[1]}"}}
        context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
        users = [{"name": "a", "user": {"token": "t"}}]
        config = {"clusters": [named], "contexts": [context], "users": users, "current-context": "a"}
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config}))
        monkeypatch.setenv(KUBECONFIG, str(path))
        yield path


def test_what_lies_in_no_namespace_is_known_by_its_name_alone(start: Callable[..., Any]) -> None:
    run = start("kubernetes")
    identity, outputs = run.create("core/v1:Namespace", metadata={"name": "prefect"})
    assert identity == "prefect"
    assert "namespace" not in outputs["metadata"]
    assert run.create(CONFIG_MAP, metadata={"name": "it"})[0] == "default/it"


def test_an_object_that_the_program_names_goes_before_its_successor_and_another_after(
    start: Callable[..., Any],
) -> None:
    run = start("kubernetes")
    urn = run.urn(CONFIG_MAP, "it")
    named = run.complete(CONFIG_MAP, "it", {"metadata": {"name": "it"}})
    assert run.provider.deletes_before(urn, named, named)
    assert not run.provider.deletes_before(urn, named, {"metadata": {"name": "it", "namespace": "other"}})
    chosen = run.complete(CONFIG_MAP, "it", {"metadata": {"annotations": {"a": "b"}}})
    assert chosen["metadata"]["annotations"] == {"a": "b", "pulumi.com/autonamed": "true"}
    assert not run.provider.deletes_before(urn, chosen, chosen)
    assert run.complete(CONFIG_MAP, "it", {"data": {}}, chosen)["metadata"]["name"] == chosen["metadata"]["name"]
    assert run.complete(CONFIG_MAP, "it", {"metadata": UNKNOWN}, chosen)["metadata"] == UNKNOWN


def test_data_is_changed_in_place_where_the_provider_is_told_to(start: Callable[..., Any]) -> None:
    run = start("kubernetes")
    run.provider.configure({"enableConfigMapMutable": "true"})

    def replaced(**old: Any) -> list[bool]:
        changes = run.provider.diff(run.urn(CONFIG_MAP, "it"), {"data": {"a": "b"}, **old}, {"data": {"a": "c"}, **old})
        return [change.replaces for change in changes]

    assert replaced() == [False]
    assert replaced(immutable=True) == [True]


def test_what_a_secret_holds_is_secret_though_the_program_does_not_say_so(start: Callable[..., Any]) -> None:
    run = start("kubernetes")
    given = {"metadata": {"name": "it"}, "data": {"a": "aHVudGVyMg=="}, "type": "Opaque"}
    assert run.complete("core/v1:Secret", "it", given) == {**given, "data": Secret(given["data"])}
    assert run.problems("core/v1:Secret", data="hunter2") == ['data: must be an object, not "[secret]"']
    assert run.complete(CONFIG_MAP, "it", given) == given


def test_a_release_is_completed_as_by_the_genuine_provider(start: Callable[..., Any], chart: Path) -> None:
    run = start("kubernetes")
    inputs = run.complete(RELEASE, "server", {"chart": str(chart), "values": {"image": UNKNOWN}})
    assert inputs["name"].startswith("server-")
    assert {name: inputs[name] for name in ("namespace", "timeout", "version")} == {
        "namespace": "default",
        "timeout": 300,
        "version": "1.2.3",
    }
    assert run.complete(RELEASE, "server", {"chart": str(chart)}, inputs)["name"] == inputs["name"]


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ({"database": {"host": "h"}}, []),
        ({}, ["values.database.host: breaks the schema's rule minLength 1"]),
        ({"database": None}, []),
        ({"database": {"host": None}}, ["values.database.host: is required and missing"]),
        ({"database": None, "image": None}, ["values.image: is required and missing"]),
        ({"database": None, "replicas": "2"}, ["values.replicas: must be of the type integer"]),
        ({"database": None, "replicas": 0}, ["values.replicas: breaks the schema's rule minimum 1"]),
        ({"database": None, "mode": "c"}, ['values.mode: breaks the schema\'s rule enum ["a", "b"]']),
        ({"database": None, "mode": "b"}, ["values.password: is required and missing"]),
        (
            {"database": None, "imge": "a"},
            ["values.imge: is not a value of this chart; known are database, image, mode, password, replicas"],
        ),
        ({"database": UNKNOWN, "image": UNKNOWN, "replicas": UNKNOWN, "mode": UNKNOWN}, []),
        ({"database": {"host": UNKNOWN}, "replicas": 0}, ["values.replicas: breaks the schema's rule minimum 1"]),
        (
            {"database": UNKNOWN, "imge": "a"},
            ["values.imge: is not a value of this chart; known are database, image, mode, password, replicas"],
        ),
        (UNKNOWN, []),
    ],
)
def test_values_are_held_to_the_charts_schema_as_far_as_they_are_known(
    start: Callable[..., Any], chart: Path, values: Any, lines: list[str]
) -> None:
    assert start("kubernetes").problems(RELEASE, chart=str(chart), values=values) == lines


def test_a_secret_value_that_breaks_the_schema_is_not_shown(start: Callable[..., Any], chart: Path) -> None:
    values = {"database": None, "password": Secret('hun"ter\n2'), "image": Secret("HUNTER")}
    told = start("kubernetes").problems(RELEASE, chart=str(chart), values=values)
    assert len(told) == 2
    assert "hun" not in "".join(told).lower()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"chart": "nowhere"}, "chart: nowhere is no chart: it must be a folder with a Chart.yaml"),
        ({"repositoryOpts": {"repo": "charts.example"}}, "repositoryOpts: cannot be emulated"),
        ({"dependencyUpdate": True}, "dependencyUpdate: cannot be emulated"),
    ],
)
def test_a_release_of_what_is_no_chart_in_a_folder_is_refused(
    start: Callable[..., Any], chart: Path, given: dict[str, Any], line: str
) -> None:
    (told,) = start("kubernetes").problems(RELEASE, **{"chart": str(chart), "values": {"database": None}, **given})
    assert told.startswith(line)


@pytest.mark.parametrize("schema", ["{", '{"type": "nonsense"}', '{"$ref": "https://schemas.example/a.json"}'])
def test_a_schema_that_cannot_be_used_is_told_and_nothing_is_fetched(
    start: Callable[..., Any], chart: Path, schema: str
) -> None:
    (chart / "values.schema.json").write_text(schema)
    (told,) = start("kubernetes").problems(RELEASE, chart=str(chart), values={})
    assert told.startswith(f"chart: {chart}/values.schema.json is not a schema that can be used: ")
    assert "\n" not in told


@pytest.mark.usefixtures("unreachable")
def test_a_cluster_that_does_not_answer_fails_no_preview_and_every_change(start: Callable[..., Any]) -> None:
    run = start("kubernetes")
    inputs = run.complete(CONFIG_MAP, "it", {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}})
    assert run.provider.create(run.urn(CONFIG_MAP, "it"), inputs, preview=True)[1]["data"] == {"a": "b"}
    with pytest.raises(RefusedError, match=r"^the cluster of .*kubeconfig cannot be reached: .*refused"):
        run.provider.create(run.urn(CONFIG_MAP, "it"), inputs, preview=False)


def test_a_kubeconfig_that_is_none_is_told_in_one_line(
    start: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KUBECONFIG, str(tmp_path / "nowhere"))
    run = start("kubernetes")
    inputs = run.complete(CONFIG_MAP, "it", {"data": {"a": "b"}})
    with pytest.raises(RefusedError, match=r"nowhere is not a kubeconfig that can be used: "):
        run.provider.create(run.urn(CONFIG_MAP, "it"), inputs, preview=False)


def test_one_request_at_a_time_is_answered_without_a_cluster_and_many_with_one(
    start: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    assert start("kubernetes").provider.workers == 1
    request.getfixturevalue("unreachable")
    assert start("kubernetes").provider.workers > 8


def test_the_kubeconfig_is_handed_on_only_where_there_is_one(tmp_path: Path) -> None:
    assert KUBECONFIG not in environment(tmp_path, tmp_path)
    assert environment(tmp_path, tmp_path, tmp_path / "kubeconfig")[KUBECONFIG] == str(tmp_path / "kubeconfig")


def test_nothing_is_a_value_that_the_engine_can_read() -> None:
    assert encode(None).WhichOneof("kind") == "null_value"
    assert decode(encode({"a": None})) == {"a": None}
