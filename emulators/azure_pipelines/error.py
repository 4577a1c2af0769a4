"""What keeps a pipeline from being run here; the message is one line."""


class PipelineError(ValueError):
    """The pipeline is wrong, or asks for what this emulator does not know."""
