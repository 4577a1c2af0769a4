"""Values that pass the chart's schema, drawn from it: for tests that say "any values that pass the schema …"."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from charts.helm import CHART
from charts.schema import Schema

Values = dict[str, Any]

# Short lists and maps find what long ones find, and are drawn much faster.
_MOST = 3


def values(chart: Path = CHART) -> st.SearchStrategy[Values]:
    """Draw values as a person writes them: what is required, and any of the rest.

    They pass the schema, and none of the chart's refusals names them.
    """
    return _of(Schema.load(chart), frozenset({"database"})).map(_with_login)


def _with_login(drawn: Values) -> Values:
    login = drawn.get("loginProxy", {}).get("enabled", False)
    if drawn.get("ingress", {}).get("enabled") and not login:
        drawn["ingress"]["enabled"] = False
    return drawn


def _of(schema: Schema, required: frozenset[str] = frozenset()) -> st.SearchStrategy[Any]:
    node = schema.node
    if schema.name == "cidr":
        return _ranges()
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if "oneOf" in node:
        return st.one_of([_of(schema.of(one), frozenset(one["required"])) for one in node["oneOf"]])
    if node["type"] == "object":
        return _object(schema, required)
    return {"array": _list, "string": _text, "integer": _integer, "boolean": _boolean}[node["type"]](schema)


def _ranges() -> st.SearchStrategy[str]:
    """Draw a range that starts where it can, or none."""
    networks = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(lambda drawn: _network(*drawn))
    return st.one_of(st.just(""), networks)


def _network(address: int, bits: int) -> str:
    start = address >> (32 - bits) << (32 - bits)
    return ".".join(str(start >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{bits}"


def _text(schema: Schema) -> st.SearchStrategy[str]:
    node = schema.node
    shortest, longest = node.get("minLength", 0), node.get("maxLength", 1000)
    # Python's $ would also match before a line's end; the schema's does not.
    pattern = node["pattern"].removeprefix("^").removesuffix("$")
    # Drawing what is mostly empty, only to drop it, takes long.
    pattern = pattern.removesuffix("?") if shortest and pattern.endswith(")?") else pattern
    drawn = st.from_regex(rf"\A(?:{pattern})\Z")
    return drawn.filter(lambda text: shortest <= len(text) <= longest and text != node.get("not", {}).get("const"))


def _integer(schema: Schema) -> st.SearchStrategy[int]:
    return st.integers(schema.node["minimum"], schema.node["maximum"])


def _boolean(_schema: Schema) -> st.SearchStrategy[bool]:
    return st.booleans()


def _list(schema: Schema) -> st.SearchStrategy[list[Any]]:
    items = schema.of(schema.node["items"])
    most = min(_MOST, schema.node["maxItems"])
    required = frozenset(items.node.get("required", ()))
    return st.lists(_of(items, required), max_size=most, unique=schema.node.get("uniqueItems", False))


def _object(schema: Schema, required: frozenset[str]) -> st.SearchStrategy[Values]:
    node = schema.node
    if "patternProperties" in node:
        return _map(schema)
    if "if" not in node:
        return _properties(schema, node["properties"], required)
    # Either what the condition asks for and what follows from it; or the defaults of what the condition is about.
    asked, follows = node["if"]["properties"], node["then"]["properties"]
    met = _merged(node["properties"], asked, follows)
    rest = {key: value for key, value in node["properties"].items() if key not in asked}
    return st.one_of(
        _properties(schema, met, required | frozenset({*asked, *follows})),
        _properties(schema, rest, required),
    )


def _properties(schema: Schema, properties: Values, required: frozenset[str]) -> st.SearchStrategy[Values]:
    each = {key: schema.of(node) for key, node in properties.items()}
    # Below the top, a map whose default has a required text that is empty must be drawn with that text.
    needs = required | {key for key, one in each.items() if _empty_refused(one)}
    drawn = {key: _of(one, frozenset(_demands(one))) for key, one in each.items()}
    return st.fixed_dictionaries(
        {key: one for key, one in drawn.items() if key in needs},
        optional={key: one for key, one in drawn.items() if key not in needs},
    )


def _demands(schema: Schema) -> list[str]:
    return [key for key, node in schema.node.get("properties", {}).items() if node and _empty_refused(schema.of(node))]


def _empty_refused(schema: Schema) -> bool:
    return schema.node.get("minLength", 0) > 0 or bool(schema.node.get("type") == "object" and _demands(schema))


def _map(schema: Schema) -> st.SearchStrategy[Values]:
    node = schema.node
    forbidden = {key for key, one in node.get("properties", {}).items() if one is False}
    ((pattern, each),) = node["patternProperties"].items()
    keys = _text(Schema({"pattern": pattern}, schema.definitions)).filter(lambda key: key not in forbidden)
    least, most = node.get("minProperties", 0), min(_MOST, node["maxProperties"])
    return st.dictionaries(keys, _of(schema.of(each)), min_size=least, max_size=most)


def _merged(*nodes: Values) -> Values:
    """Lay schemas of properties over each other, the later over the earlier."""
    merged: Values = {}
    for node in nodes:
        for key, value in node.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = _merged(merged[key], value) if both else value
    return merged
