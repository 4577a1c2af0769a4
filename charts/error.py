"""The errors that this package raises on purpose; each message is one line."""


class ChartError(Exception):
    """Something about the chart is wrong: what, where, what to do."""


class RefusedError(ChartError):
    """The chart does not take these values, by its schema or by a refusal of its own."""
