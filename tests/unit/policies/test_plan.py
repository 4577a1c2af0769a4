"""The plans of the stack files keep every policy, and what they relax is seen by the tag alone."""

from collections.abc import Callable
from typing import Any

import pytest

from policies import pack
from policies.plan import RELAXED_TAG

KEYS = sorted({key for rule in pack.rules() for key in rule.relaxed_by})
# What dev itself does not relax.
MORE_RELAXED = {
    "hostEncryption": "false",
    "hostEncryptionReason": "The subscription lacks the feature for now.",
    "imageMirror": "false",
    "imageMirrorReason": "Images come straight from their makers for now.",
}


def tagged(resource: Any) -> set[str]:
    """The keys that a resource says are relaxed."""
    tags = resource.properties["tags"] if "tags" in resource.properties else {}  # noqa: SIM401 - a Struct has no get
    return set(tags[RELAXED_TAG].split()) if RELAXED_TAG in tags else set()


def without_key(resources: Any, key: str, host: Any) -> Any:
    """The same plan with a key left out of the tag."""
    for each in list(resources):
        if key in tagged(each):
            path = f"tags.{RELAXED_TAG}"
            resources = resources.with_(host.edited(each, path, " ".join(sorted(tagged(each) - {key}))))
    return resources


@pytest.mark.parametrize("stack", ["dev", "stage", "prod"])
def test_a_stack_file_as_it_is_breaks_no_control(stack: str, planned: Callable[[str], Any], host: Any) -> None:
    assert host.all(planned(stack)) == []


def test_what_only_an_update_can_know_breaks_no_control(planned: Callable[[str], Any], host: Any) -> None:
    prod = planned("prod")
    for each in list(prod):
        copy = each
        for prop in each.propertyDependencies:
            copy = host.edited(copy, prop, host.UNKNOWN)
        prod = prod.with_(copy)
    assert host.all(prod) == []


def test_prod_relaxes_nothing(planned: Callable[[str], Any]) -> None:
    assert set[str]().union(*map(tagged, planned("prod"))) == set()


def test_what_is_relaxed_with_its_tag_breaks_no_control(planned: Callable[..., Any], host: Any) -> None:
    assert host.all(planned("dev", **MORE_RELAXED)) == []


@pytest.mark.parametrize("key", KEYS)
def test_a_relaxed_control_is_refused_where_the_tag_does_not_name_its_key(
    key: str, planned: Callable[..., Any], host: Any
) -> None:
    # Where the registry has a public side, as in dev, its exports count for nothing.
    relaxed = planned("stage") if key == "registryExports" else planned("dev", **MORE_RELAXED)
    policies = {violation.policy for violation in host.all(without_key(relaxed, key, host))}
    assert policies == {rule.name for rule in pack.rules() if key in rule.relaxed_by}
