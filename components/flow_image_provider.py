"""The half of the flow image that runs in Pulumi's plugin process: it has the image built, and reads its digest back.

State holds the provider as this module's path and its class name, so neither may ever move; it sets no attribute. What
speaks to Azure is imported late, because the program imports this module for the class alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from pulumi.dynamic import CreateResult, ReadResult, UpdateResult

from components import image_content
from components.flow_provider import Properties, Provider
from components.image_content import REPOSITORY
from components.registry_plugin import registry_of, told_of
from registration.error import RegistrationError


class FlowImageProvider(Provider):
    """Has the flow image built where the registry has none of its content and base yet.

    The inputs are `registry_id`, `login_server`, `content_hash`, `base` and `agent_pool`; outputs are `tag` and
    `digest`. An image stays for good: a pod that runs may be started anew on any node, by its digest.
    """

    identity: ClassVar[tuple[str, ...]] = ("registry_id",)
    # Who builds it is no part of what it is.
    mutable: ClassVar[tuple[str, ...]] = ("content_hash", "base", "login_server")

    def create(self, props: Properties) -> CreateResult:
        """Build the image, or find it built."""
        return CreateResult(f"{props['registry_id']}/{REPOSITORY}", _made(props))

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Build another image beside the old one; or build over the tag, when somebody else's image is there."""
        return UpdateResult(_made(_news, instead_of="" if _olds["content_hash"] else _olds["digest"]))

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Tell what the tag is now. Nobody knows the content of one that was moved: the next update builds over it."""
        inputs = {key: props[key] for key in (*self.identity, *self.mutable, "agent_pool") if key in props}
        with told_of(_named(props)):
            digest = registry_of(props).digest_if_there(REPOSITORY, props["tag"])
        if digest is None:
            return ReadResult("", {})
        if digest != props["digest"]:
            inputs["content_hash"] = ""
        return ReadResult(id_, {**inputs, "tag": props["tag"], "digest": digest}, inputs)


def _made(props: Properties, *, instead_of: str = "") -> Properties:
    """Make sure that the image is there: one that is built already, by whomever, is taken, unless it is another's."""
    tag = image_content.tag(props["content_hash"], props["base"])
    with told_of(_named(props)):
        registry = registry_of(props)
        digest = None if instead_of else registry.digest(REPOSITORY, tag)
        if digest is None:
            _build(props, tag)
            digest = registry.await_digest(REPOSITORY, tag, other_than=instead_of)
        elif props.get("agent_pool"):
            _stop_machine(props)
    return {**props, "tag": tag, "digest": digest}


def _build(props: Properties, tag: str) -> None:
    from components.image_build import ImageBuild  # noqa: PLC0415 - the plugin alone needs Azure's libraries

    # The engine starts the plugin in the program's folder.
    content = image_content.files(Path.cwd())
    if image_content.hash_of(content) != props["content_hash"]:
        raise RegistrationError("what it is made of has changed since the program ran; run it again")
    build = ImageBuild(
        registry_id=props["registry_id"],
        agent_pool=props.get("agent_pool"),
        image=f"{REPOSITORY}:{tag}",
        arguments={"BASE": props["base"], "CONTENT_HASH": props["content_hash"]},
    )
    build.run(image_content.archive_of(content), _tell)


def _stop_machine(props: Properties) -> None:
    """Stop the machine of a run that was killed while it built what is there now."""
    from components.build_machine import BuildMachine  # noqa: PLC0415 - likewise

    BuildMachine(registry_id=props["registry_id"], pool=props["agent_pool"]).stop(_tell)


def _tell(line: str) -> None:
    """Show a line to whoever runs the engine, which shows what its plugins print."""
    sys.stdout.write(f"flow image: {line}\n")
    sys.stdout.flush()


def _named(props: Properties) -> str:
    return f"flow image in {props['login_server']}"
