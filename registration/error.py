"""The errors of registration; the text of each is the one line that a user sees, so it never holds a secret."""


class RegistrationError(Exception):
    """Something that stops a registration: what, where, what to do."""


class UnreachableError(RegistrationError):
    """The API gave no usable answer: refused, too slow, or an error of its own."""


class RefusedError(RegistrationError):
    """The API understood the request and refused it."""
