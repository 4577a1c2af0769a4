"""The schema is closed, and what it refuses it refuses in a line that says where."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from charts import helm
from charts.error import RefusedError

Render = Callable[..., Any]
SCHEMA = json.loads((helm.CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((helm.CHART / "values.yaml").read_text())
DIGEST = "sha256:" + "0" * 64


def objects(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every place of the schema that describes an object with keys of its own."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield path, node
        for key, value in node.items():
            yield from objects(value, f"{path}/{key}")
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield from objects(value, f"{path}/{index}")


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("path", "node"), list(objects(SCHEMA)))
def test_no_object_takes_a_key_that_it_does_not_know_or_lacks_one_that_it_does(path: str, node: dict[str, Any]) -> None:
    assert node["additionalProperties"] is False, path
    if "patternProperties" not in node:
        # Helm lets a null take a default away, and the templates need them all.
        assert sorted(node["required"]) == sorted(node["properties"]), path


def test_only_what_nobody_can_guess_is_missing_from_the_defaults(least: dict[str, Any]) -> None:
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(DEFAULTS)
    assert sorted("/".join(map(str, error.path)) for error in errors) == ["database/host", "database/secret/name"]
    assert helm.render(least)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"apolo": {}}, "additional properties 'apolo' not allowed"),
        ({"apollo": {"replica": 2}}, "at '/apollo': additional properties 'replica' not allowed"),
        ({"images": {"server": {"digest": "sha256:abc"}}}, "at '/images/server/digest': 'sha256:abc' does not match"),
        ({"images": {"server": {"digest": DIGEST.upper()}}}, "at '/images/server/digest'"),
        ({"images": {"server": {"tag": "latest"}}}, "at '/images/server/tag'"),
        ({"images": {"server": {"repository": "docker.io/Prefect"}}}, "at '/images/server/repository'"),
        ({"registry": "https://acme.azurecr.io"}, "at '/registry'"),
        ({"apollo": None}, "missing property 'apollo'"),
        ({"apollo": {"replicas": 0}}, "at '/apollo/replicas': minimum"),
        ({"apollo": {"replicas": "2"}}, "at '/apollo/replicas': got string, want integer"),
        ({"towel": {"replicas": 2}}, "at '/towel/replicas': value must be 1"),
        ({"apollo": {"resources": {"cpu": "1"}}}, "at '/apollo/resources/cpu'"),
        ({"apollo": {"resources": {"memory": "1Gi"}}}, "at '/apollo/resources/memory'"),
        ({"apollo": {"resources": {"limits": {}}}}, "at '/apollo/resources': additional properties 'limits'"),
        ({"nodeSelector": {"-bad": "x"}}, "at '/nodeSelector': additional properties '-bad' not allowed"),
        ({"nodeSelector": {"pool": "not a label"}}, "at '/nodeSelector/pool'"),
        ({"tolerations": [{"key": "x", "operator": "Exists", "effect": "Never"}]}, "at '/tolerations/0"),
        ({"tolerations": [{"key": "x", "operator": "Exists", "value": "y", "effect": "NoExecute"}]}, "'value'"),
        ({"loginProxy": {"enabled": True}}, "at '/loginProxy/cookieSecret/name': minLength: got 0, want 1"),
        ({"ingress": {"enabled": True}}, "at '/ingress/host': minLength: got 0, want 1"),
        ({"ingress": {"host": "10.0.0.1"}}, "at '/ingress/host'"),
        ({"ingress": {"annotations": {"kubernetes.io/ingress.class": "nginx"}}}, "at '/ingress/annotations"),
        ({"networkPolicy": {"databaseCidr": "10.0.0.0"}}, "at '/networkPolicy/databaseCidr'"),
        ({"networkPolicy": {"databaseCidr": "010.0.0.0/8"}}, "at '/networkPolicy/databaseCidr'"),
        ({"networkPolicy": {"clients": [{"namespace": "prefect", "podLabels": {}}]}}, "minProperties"),
        ({"ui": {"apolloUrl": "http://a,b"}}, "at '/ui/apolloUrl'"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line_that_says_where(
    render: Render, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        render(values)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ({"sslMode": "disable"}, "at '/database/sslMode': value must be one of 'require', 'verify-ca', 'verify-full'"),
        ({"sslMode": "prefer"}, "at '/database/sslMode'"),
        ({"sslMode": "verify-full"}, "at '/database/ca/configMap': minLength: got 0, want 1"),
        ({"password": "x"}, "at '/database': additional properties 'password' not allowed"),
        ({"username": "me@server"}, "at '/database/username'"),
        ({"name": "a%b"}, "at '/database/name'"),
        ({"port": 70000}, "at '/database/port': maximum"),
        ({"secret": {"name": "Not_A_Name"}}, "at '/database/secret/name'"),
        ({"secret": {"name": ""}}, "at '/database/secret/name': minLength"),
    ],
)
def test_a_database_that_is_wrong_is_refused(
    render: Render, least: dict[str, Any], database: dict[str, Any], said: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        render({"database": {**least["database"], **database}})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        (
            {"ingress": {"enabled": True, "host": "prefect.example.com", "tlsSecret": "tls"}},
            {},
            "refused: ingress.enabled needs loginProxy.enabled: Prefect Server has no login of its own",
        ),
        (
            {"networkPolicy": {"apiServerProxy": {"cidr": "10.0.0.4/28"}}},
            {},
            "refused: networkPolicy.apiServerProxy.cidr 10.0.0.4/28 does not start where a range of its size can",
        ),
        ({}, {"release": "1st"}, 'refused: the release\'s name "1st" cannot name a Service'),
    ],
)
def test_what_cannot_work_is_refused_in_words(
    render: Render, values: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        render(values, **options)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("range_", ["0.0.0.0/0", "10.0.0.0/8", "10.20.4.16/28", "10.0.0.1/32", "128.0.0.0/1", ""])
def test_a_range_that_starts_where_it_can_is_taken(render: Render, range_: str) -> None:
    assert render({"networkPolicy": {"databaseCidr": range_}}).manifests
