"""The images that the platform pulls, as their makers publish them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container image in a registry; a digest, where one is given, says which image the tag has to be."""

    registry: str
    repository: str
    tag: str
    digest: str = ""
    """`sha256:…`, or empty to take what the tag is."""

    @property
    def reference(self) -> str:
        """How it is pulled: by its digest, where it has one."""
        return f"{self.registry}/{self.repository}" + (f"@{self.digest}" if self.digest else f":{self.tag}")


def _docker_hub(repository: str, tag: str) -> Image:
    return Image(registry="docker.io", repository=repository, tag=tag)


UPSTREAM: Mapping[str, Image] = MappingProxyType(
    {
        "server": _docker_hub("prefecthq/server", "core-1.4.1"),
        "apollo": _docker_hub("prefecthq/apollo", "core-1.4.1"),
        "ui": _docker_hub("prefecthq/ui", "core-1.4.1"),
        "hasura": _docker_hub("hasura/graphql-engine", "v2.1.1"),
        "loginProxy": Image(registry="quay.io", repository="oauth2-proxy/oauth2-proxy", tag="v7.15.3"),
        "agent": _docker_hub("prefecthq/prefect", "1.4.1-python3.10"),
        # The Dockerfile has the same default.
        "flowBase": _docker_hub("library/python", "3.11-slim-bookworm"),
    }
)
"""By the names that the chart's values have for them, the agent's, and what the flow image is built on.

None is pinned: the mirror tells the digests.
"""
