"""What a policy is made of: a function that says in one line each how a resource, or a whole plan, breaks a control.

A rule on resources stops an update before the resource is made; a rule on plans is asked when all are known.
The function's name is the policy's, and its docstring what users read: renaming one is a change of docs/controls.md.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pulumi_policy import (
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.plan import Plan, Resource, plain, relaxed

Check = Callable[[Resource], Iterator[str]]
PlanCheck = Callable[[Plan], Iterator[tuple[Resource, str]]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One policy and the controls that it holds."""

    name: str
    controls: tuple[int, ...]
    """Their numbers in docs/controls.md; none for a guard rail."""
    relaxed_by: tuple[str, ...]
    """The config keys that relax it."""
    says: str
    build: Callable[["Rule"], Policy]

    @property
    def description(self) -> str:
        """What the engine prints above a violation's line."""
        numbers = ", ".join(map(str, self.controls))
        return f"control {numbers}: {self.says}" if self.controls else self.says

    def policy(self) -> Policy:
        """The rule as the policy host takes it."""
        return self.build(self)


def on(*types: str, controls: tuple[int, ...] = (), relaxed_by: tuple[str, ...] = ()) -> Callable[[Check], Rule]:
    """Make a rule on every resource of some types, by its inputs."""

    def rule(check: Check) -> Rule:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if args.resource_type in types:
                for line in check(_planned(args)):
                    report(line, None)

        def build(rule: Rule) -> Policy:
            return ResourceValidationPolicy(rule.name, rule.description, validate)

        return _rule(check, controls, relaxed_by, build)

    return rule


def on_plan(*, controls: tuple[int, ...] = (), relaxed_by: tuple[str, ...] = ()) -> Callable[[PlanCheck], Rule]:
    """Make a rule on the whole plan, for what must be there; it sees what the provider answered, not the inputs."""

    def rule(check: PlanCheck) -> Rule:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            for resource, line in check(Plan([_linked(resource) for resource in args.resources])):
                report(line, resource.urn)

        def build(rule: Rule) -> Policy:
            return StackValidationPolicy(rule.name, rule.description, validate)

        return _rule(check, controls, relaxed_by, build)

    return rule


def rules_of(namespace: Mapping[str, Any]) -> list[Rule]:
    """The rules that a module makes."""
    return [value for value in namespace.values() if isinstance(value, Rule)]


def _rule(
    check: Callable[..., object],
    controls: tuple[int, ...],
    relaxed_by: tuple[str, ...],
    build: Callable[[Rule], Policy],
) -> Rule:
    says = (check.__doc__ or "").strip().removesuffix(".")
    name = check.__name__.replace("_", "-")
    return Rule(name=name, controls=controls, relaxed_by=relaxed_by, says=says, build=build)


def _planned(given: ResourceValidationArgs | PolicyResource) -> Resource:
    properties = plain(given.props)
    return Resource(
        type=given.resource_type,
        name=given.name,
        urn=given.urn,
        properties=properties,
        protect=given.opts.protect,
        relaxed=relaxed(properties),
    )


def _linked(resource: PolicyResource) -> Resource:
    dependencies = resource.property_dependencies.items()
    sources = {prop: frozenset(source.urn for source in found) for prop, found in dependencies}
    return replace(_planned(resource), sources=sources)
