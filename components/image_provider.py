"""The half of the image mirror that runs in Pulumi's plugin process: one image, kept in our registry.

State holds the provider as this module's path and its class name, so neither may ever move; it sets no attribute. What
speaks to Azure is imported late, because the program imports this module for the class alone.
"""

from __future__ import annotations

from typing import ClassVar

from pulumi.dynamic import CreateResult, ReadResult, UpdateResult

from components.flow_provider import Properties, Provider
from components.registry_plugin import registry_of, told_of
from registration.azure_endpoint import AzureError


class ImageProvider(Provider):
    """Has an image copied from where it is published, and reads back by which digest it is pulled.

    The inputs are `registry_id`, `login_server`, `repository`, `tag` and `source`, the image's reference upstream; the
    output is `digest`. What is copied stays for good: a pod that runs may be started anew on any node, by its digest.
    """

    identity: ClassVar[tuple[str, ...]] = ("registry_id", "repository")
    # The login server may be unknown in a preview of a registry that is only updated.
    mutable: ClassVar[tuple[str, ...]] = ("login_server", "tag", "source")

    def create(self, props: Properties) -> CreateResult:
        """Copy the image, or find it copied."""
        digest = _mirror(props, overwrite=False)
        return CreateResult(f"{props['registry_id']}/{props['repository']}", {**props, "digest": digest})

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Copy another tag beside the old one; or copy over the tag, when it is to be another image."""
        overwrite = _olds["tag"] == _news["tag"] and _olds["source"] != _news["source"]
        return UpdateResult({**_news, "digest": _mirror(_news, overwrite=overwrite)})

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Tell what the tag is now. Nobody knows the source of a tag that was moved: the next update copies over it."""
        inputs = {key: props.get(key, "") for key in (*self.identity, *self.mutable)}
        with told_of(_named(inputs)):
            digest = registry_of(inputs).digest_if_there(inputs["repository"], inputs["tag"])
        if digest is None:
            return ReadResult("", {})
        if digest != props.get("digest"):
            inputs["source"] = ""
        return ReadResult(id_, {**inputs, "digest": digest}, inputs)


def _mirror(props: Properties, *, overwrite: bool) -> str:
    """Make the tag the image that it is to be, with as little copying as can be, and return its digest."""
    repository, tag, source = props["repository"], props["tag"], props["source"]
    pinned = source.partition("@")[2]
    with told_of(_named(props)):
        registry = registry_of(props)
        digest = registry.digest(repository, tag)
        if digest is None or overwrite or digest != (pinned or digest):
            registry.copy(source, repository, tag, overwrite=digest is not None)
            digest = registry.await_digest(repository, tag)
        if digest != (pinned or digest):
            raise AzureError(f"it is {digest} after its import, and {pinned} was asked for; run it again")
    return digest


def _named(props: Properties) -> str:
    return f"image {props['repository']}:{props['tag']} in {props['login_server']}"
