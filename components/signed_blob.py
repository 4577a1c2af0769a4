"""A blob in storage of Azure's own, by a signed URL: whoever has that may use it, so it is in no line and no error."""

from typing import Any

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobClient

from registration.azure_endpoint import azure_endpoint

# The library takes every answer for one of Azure's storage, and stumbles over others.
ERRORS = (AzureError, AttributeError, LookupError, TypeError, ValueError)
"""What comes of a blob that cannot be had."""


def open_blob(url: str | None, limits: dict[str, Any]) -> BlobClient:
    """Open it, with the seconds and retries of one call.

    Raises:
        ERRORS: that is no URL of a blob.
    """
    # A proxy of the surroundings has no way to a stand-in.
    environment: dict[str, Any] = {"use_env_settings": False} if azure_endpoint().emulator else {}
    return BlobClient.from_blob_url(url or "", **limits, **environment)
