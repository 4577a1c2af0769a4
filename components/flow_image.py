"""The image that flow runs are of, built in the environment's registry when what it is made of changes.

Whoever deploys needs no Docker. The image is known by its digest, so a run that waits starts with what it was meant to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi.dynamic import Resource

from components.flow_image_provider import FlowImageProvider
from components.image_content import REPOSITORY


@dataclass(frozen=True, kw_only=True)
class FlowImageArgs:
    """What a flow image needs from its environment."""

    registry_id: pulumi.Input[str]
    """The ARM id of a container registry."""
    login_server: pulumi.Input[str]
    content_hash: str
    """Of the content, by components/image_content.py: of the folder that the engine runs in."""
    base: pulumi.Input[str]
    """The image that it is built on, by its digest."""
    agent_pool: pulumi.Input[str | None] = None
    """The registry's own machines, where its public side is closed."""
    ready: Sequence[pulumi.Resource] = ()
    """What has to be there before it can be built: the private endpoint, the role, the pool's way out."""


class BuiltImage(Resource, module="prefect-aks", name="BuiltImage"):
    """The image in the registry; its digest is known once it is there."""

    digest: pulumi.Output[str]


class FlowImage(pulumi.ComponentResource):
    """tasks/ and utils/ with their packages, as an image in our registry. One that was built is never deleted."""

    content_hash: pulumi.Output[str]
    digest: pulumi.Output[str]
    reference: pulumi.Output[str]
    """`LOGIN_SERVER/flows@DIGEST`."""

    def __init__(self, name: str, args: FlowImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:FlowImage", name, None, opts)
        image = BuiltImage(
            FlowImageProvider(),
            f"{name}-image",
            {
                "registry_id": args.registry_id,
                "login_server": args.login_server,
                "content_hash": args.content_hash,
                "base": args.base,
                "agent_pool": args.agent_pool,
                "tag": None,
                "digest": None,
            },
            pulumi.ResourceOptions(parent=self, depends_on=args.ready),
        )
        self.content_hash = pulumi.Output.from_input(args.content_hash)
        self.digest = image.digest
        self.reference = pulumi.Output.format("{0}/{1}@{2}", args.login_server, REPOSITORY, image.digest)
        self.register_outputs({"content_hash": self.content_hash, "digest": self.digest, "reference": self.reference})
