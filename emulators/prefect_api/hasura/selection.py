"""What a document selects, as plain data: names, arguments in the order written, and what is selected below.

Arguments are read from the document and not from coerced values: coercion forgets the order of an object's keys, and
`order_by: {name: asc, version: desc}` means that order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode, Undefined
from graphql.utilities import value_from_ast_untyped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from graphql import FragmentDefinitionNode, SelectionNode


@dataclass
class Selected:
    """One selected field: its name, its arguments, and the selection sets of all its mentions."""

    name: str
    arguments: dict[str, Any]
    below: list[SelectionSetNode] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """What is needed to read a selection: the fragments and the variables of its operation."""

    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def fields(self, sets: Iterable[SelectionSetNode]) -> dict[str, Selected]:
        """Return the fields selected, by the key that the response gives them; introspection is left out."""
        found: dict[str, Selected] = {}
        for node in self._nodes(sets):
            name = node.name.value
            if name.startswith("__"):
                continue
            key = node.alias.value if node.alias else name
            selected = found.setdefault(key, Selected(name, self.arguments(node)))
            if node.selection_set:
                selected.below.append(node.selection_set)
        return found

    def arguments(self, node: FieldNode) -> dict[str, Any]:
        """Return the arguments given to a field; null and absent variables are left out."""
        given = {item.name.value: self._value(item.value) for item in node.arguments or ()}
        return {name: value for name, value in given.items() if value is not None and value is not Undefined}

    def _nodes(self, sets: Iterable[SelectionSetNode]) -> Iterator[FieldNode]:
        for selection_set in sets:
            for node in selection_set.selections:
                if not self._included(node):
                    continue
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, InlineFragmentNode):
                    yield from self._nodes([node.selection_set])
                elif isinstance(node, FragmentSpreadNode):
                    yield from self._nodes([self.fragments[node.name.value].selection_set])

    def _included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            condition = {item.name.value: self._value(item.value) for item in directive.arguments or ()}.get("if")
            if (directive.name.value, condition) in {("skip", True), ("include", False)}:
                return False
        return True

    def _value(self, node: Any) -> Any:
        return value_from_ast_untyped(node, dict(self.variables))
