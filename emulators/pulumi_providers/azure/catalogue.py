"""What is known of Azure's types beyond the SDK: the shape of their ids, naming rules, what replaces them.

The facts are the rows of catalogue.json. `id` has the inputs it is made of, the last being the resource's name; `name`
the least and greatest length, the pattern, and that in words; `replace` what cannot change besides the parts of the id.
`unique` names are host names, `singleton` is what Azure creates itself, and `auto` says that a name is made as a GUID.
`open` are properties whose values are more than the SDK lists, by the last name in their path.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class AzureType:
    """One row."""

    id: str
    name: tuple[int, int, str, str] | None = None
    unique: bool = False
    replace: tuple[str, ...] = ()
    singleton: bool = False
    auto: str = "random"
    open: tuple[str, ...] = ()

    @property
    def inputs(self) -> list[str]:
        """The inputs that the id is made of, in its order."""
        return [name for name in re.findall(r"{(\w+)}", self.id) if name != "subscriptionId"]

    @property
    def arm(self) -> str:
        """The type as Azure Resource Manager writes it, such as `Microsoft.Network/virtualNetworks/subnets`."""
        if "/providers/" not in self.id:
            return "Microsoft.Resources/resourceGroups"
        space, *steps = self.id.rsplit("/providers/", 1)[1].split("/")
        return "/".join([space, *steps[::2]])

    def identify(self, inputs: Mapping[str, Any], subscription: str) -> str:
        """The id that a resource with these inputs has."""
        values = {"subscriptionId": subscription, **{name: str(inputs[name]).lstrip("/") for name in self.inputs}}
        text = self.id.format(**values)
        return text if text.startswith("/") else f"/{text}"


@cache
def types() -> Mapping[str, AzureType]:
    """Every known type, by its token."""
    rows = json.loads(Path(__file__).with_name("catalogue.json").read_text("utf-8"))
    return {
        token: AzureType(
            **{
                **row,
                "name": tuple(row["name"]) if "name" in row else None,
                "replace": tuple(row.get("replace", ())),
                "open": tuple(row.get("open", ())),
            }
        )
        for token, row in rows.items()
    }
