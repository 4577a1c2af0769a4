"""The least that a review and a branch control ask for, and what is there already, brought up to that.

What is as strict, or stricter, comes back as it is; so does whatever else somebody set.
"""

from collections.abc import Mapping, Sequence
from typing import Any

TASK_CHECK = "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7"
_BRANCH_CONTROL = {
    "id": "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b",
    "name": "evaluatebranchProtection",
    "version": "0.0.1",
}
# Each of them has what is pushed after an approval approved again.
_APPROVED_AGAIN = ("resetOnSourcePush", "requireVoteOnLastIteration", "requireVoteOnEachIteration")


def reviewed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings of a policy that has somebody approve what neither he proposed nor pushed."""
    strict = {"allowDownvotes": False, **settings, "creatorVoteCounts": False}
    strict["minimumApproverCount"] = max(1, settings.get("minimumApproverCount") or 0)
    if strict["minimumApproverCount"] == 1:
        # Of two who approve, one at least is not the one who pushed.
        strict["blockLastPusherVote"] = True
    if not any(settings.get(each) for each in _APPROVED_AGAIN):
        strict["resetOnSourcePush"] = True
    return strict


def is_branch_control(check: Mapping[str, Any]) -> bool:
    """Whether a check asks for the branch of the run; its settings are there."""
    definition = (check.get("settings") or {}).get("definitionRef") or {}
    same = str(definition.get("id")).lower() == _BRANCH_CONTROL["id"]
    return same and str(check["type"]["id"]).lower() == TASK_CHECK


def controlled(
    settings: Mapping[str, Any], allowed: Sequence[str], *, more: Sequence[str] = (), protected: bool
) -> dict[str, Any]:
    """Give the settings of a check that lets in the allowed branches alone, and those only if they are protected.

    Of a check that lets in less, that stays; of what it lets in beyond them, what is in `more` stays.
    """
    inputs = dict(settings.get("inputs") or {"ensureProtectionOfBranch": "false", "allowUnknownStatusBranch": "false"})
    given = [each.strip() for each in str(inputs.get("allowedBranches") or "").split(",") if each.strip()]
    kept = [each for each in given if any(_covers(pattern, each) for pattern in (*allowed, *more))]
    if not given or kept != given:
        inputs["allowedBranches"] = ", ".join(kept or allowed)
    for name, value in {"ensureProtectionOfBranch": "true", "allowUnknownStatusBranch": "false"}.items():
        if protected and str(inputs.get(name)).lower() != value:
            inputs[name] = value
    return {"displayName": "Branch control", "definitionRef": _BRANCH_CONTROL, **settings, "inputs": inputs}


def _covers(pattern: str, other: str) -> bool:
    return other == pattern or (pattern.endswith("*") and other.startswith(pattern.removesuffix("*")))
