"""What keeps a delivery command from being done; the message is one line that says what to do."""


class DeliveryError(RuntimeError):
    """It failed, and nothing is half done."""


class UsageError(DeliveryError):
    """It was asked for what cannot be."""
