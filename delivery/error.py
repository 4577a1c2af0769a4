"""What keeps a delivery command from being done; the message is one line that says what to do."""


class DeliveryError(RuntimeError):
    """It failed. What was done until then stays, and the same command goes on from there."""


class UsageError(DeliveryError):
    """It was asked for what cannot be."""
