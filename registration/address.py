"""Addresses as users give them. None may hold a credential, so no message repeats one before it was looked at."""

import re
from urllib.parse import SplitResult, urlsplit

from registration.error import RegistrationError

# A field of a connection string, a name and password before a host, and a query, where tokens travel.
_CREDENTIAL = re.compile(r"\b(?:accountkey|sharedaccess\w+|sig)\s*=|:.*@|\?", re.IGNORECASE | re.DOTALL)


def split(address: str, what: str, instead: str) -> SplitResult:
    """Take an address apart; a RegistrationError that does not repeat it when it may hold a credential.

    Args:
        address: The address, or a folder.
        what: What it is the address of.
        instead: What to do, other than give a credential.
    """
    if _CREDENTIAL.search(address):
        raise RegistrationError(f"the address of {what} holds a credential; give the plain address, {instead}")
    try:
        return urlsplit(address)
    except ValueError:
        # The reason would repeat the host.
        raise RegistrationError(f"the address of {what} is not valid") from None
