"""Copies of the images that the platform pulls, in the environment's own registry, known by their digests.

A cluster that pulls from there alone needs no way to Docker Hub, and runs what it ran, whatever becomes of a tag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.image import Image
from components.image_provider import ImageProvider


@dataclass(frozen=True, kw_only=True)
class ImageMirrorArgs:
    """What a mirror needs from its environment."""

    registry_id: pulumi.Input[str]
    """The ARM id of a container registry."""
    login_server: pulumi.Input[str]
    images: Mapping[str, Image]
    """What is copied, by a logical name; each keeps its repository and its tag."""
    ready: Sequence[pulumi.Resource] = ()
    """What has to be there before the registry can be read: its private endpoint, and the role to read it."""


class MirroredImage(Resource, module="prefect-aks", name="Image"):
    """One image in the registry; its digest is known once it is there."""

    digest: pulumi.Output[str]


class ImageMirror(pulumi.ComponentResource):
    """The upstream images in our registry. A new tag is copied beside the old one; what was copied is never deleted."""

    images: pulumi.Output[Mapping[str, Mapping[str, str]]]
    """By the logical name: its `registry`, `repository`, `tag` and `digest`."""

    def __init__(self, name: str, args: ImageMirrorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-aks:azure:ImageMirror", name, None, opts)
        mirrored = {
            image_name: MirroredImage(
                ImageProvider(),
                f"{name}-{image_name}",
                {
                    "registry_id": args.registry_id,
                    "login_server": args.login_server,
                    "repository": image.repository,
                    "tag": image.tag,
                    "source": image.reference,
                    "digest": None,
                },
                pulumi.ResourceOptions(parent=self, depends_on=args.ready),
            )
            for image_name, image in args.images.items()
        }
        pulled: dict[str, Any] = {
            image_name: {
                "registry": args.login_server,
                "repository": image.repository,
                "tag": image.tag,
                "digest": mirrored[image_name].digest,
            }
            for image_name, image in args.images.items()
        }
        self.images = pulumi.Output.from_input(pulled)
        self.register_outputs({"images": self.images})
