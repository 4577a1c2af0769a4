"""The one error that this package raises on purpose."""


class ToolError(Exception):
    """A tool cannot be had; the message is one line that says why and what to do."""
