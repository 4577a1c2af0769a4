"""What the registries hold, in memory or in a JSON file, and the imports that are going on."""

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Tag = dict[str, str]


class ImportRefusedError(Exception):
    """An import that Azure would not begin; its status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def emulated_digest(source: str) -> str:
    """Make a digest for an image's reference; one that is given by its digest has that one."""
    given = source.partition("@")[2]
    return given or f"sha256:{hashlib.sha256(f'emulated {source}'.encode()).hexdigest()}"


@dataclass
class Store:
    """All the registries, by their names in lower case: a registry is there as soon as somebody imports into it."""

    file: Path | None = None
    tags: dict[str, dict[str, Tag]] = field(default_factory=dict)
    """By registry, and by `repository:tag`."""
    operations: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """The imports that are not done yet: their registries and what was asked for."""
    imports: list[dict[str, Any]] = field(default_factory=list)
    """Every import that was begun, as it was asked for."""

    def __post_init__(self) -> None:
        if self.file and self.file.exists():
            self.tags = json.loads(self.file.read_text("utf-8"))

    def clear(self) -> None:
        """Hold nothing."""
        for held in (self.tags, self.operations, self.imports):
            held.clear()
        self._keep()

    def begin(self, registry: str, asked: dict[str, Any]) -> str:
        """Take an import and return its operation's id.

        Raises:
            ImportRefusedError: it is not one, or a tag is there and may not be moved.
        """
        try:
            source, targets = asked["source"], asked["targetTags"]
            other, image = source.get("resourceId"), source["sourceImage"]
            reference = self._in_another(other, image) if other else f"{source['registryUri']}/{image}"
        except (AttributeError, LookupError, TypeError):
            raise ImportRefusedError(
                400,
                "InvalidParameters",
                "An import has source.registryUri or source.resourceId, source.sourceImage and targetTags.",
            ) from None
        held = self.tags.get(registry, {})
        if asked.get("mode", "NoForce") == "NoForce" and (there := [each for each in targets if each in held]):
            raise ImportRefusedError(409, "Conflict", f"Tag {there[0]} already exists in target registry.")
        operation = f"registries-{uuid.uuid4()}"
        self.imports.append({"registry": registry, **asked})
        self.operations[operation] = (registry, {"reference": reference, "targets": targets})
        return operation

    def finish(self, operation: str) -> bool:
        """Do an import; False when there is none of this id, or none any more."""
        registry, asked = self.operations.pop(operation, ("", {}))
        for target in asked.get("targets", []):
            self.set_tag(registry, target, emulated_digest(asked["reference"]))
        return bool(asked)

    def _in_another(self, resource_id: str, image: str) -> str:
        """Find an image in another registry, and give its reference by digest."""
        registry = resource_id.rpartition("/")[2].lower()
        repository, by_digest, digest = image.partition("@")
        held = self.tags.get(registry, {})
        if by_digest:
            digests = [each["digest"] for name, each in held.items() if name.startswith(f"{repository}:")]
            found = digest if digest in digests else None
        else:
            found = held.get(image, {}).get("digest")
        if found is None:
            raise ImportRefusedError(400, "ManifestUnknown", f"The manifest {image} is not in registry {registry}.")
        return f"{registry}/{repository.partition(':')[0]}@{found}"

    def tag(self, registry: str, repository: str, tag: str) -> Tag | None:
        """Find a tag."""
        return self.tags.get(registry, {}).get(f"{repository}:{tag}")

    def set_tag(self, registry: str, target: str, digest: str) -> None:
        """Make `repository:tag` this image, whatever it was."""
        now = datetime.now(UTC).isoformat()
        held = self.tags.setdefault(registry, {})
        held[target] = {"digest": digest, "created": held.get(target, {}).get("created", now), "updated": now}
        self._keep()

    def remove(self, registry: str, repository: str, tag: str) -> None:
        """Delete a tag."""
        self.tags.get(registry, {}).pop(f"{repository}:{tag}", None)
        self._keep()

    def _keep(self) -> None:
        if self.file:
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(self.tags, indent=1, sort_keys=True) + "\n", "utf-8")
            new.replace(self.file)
