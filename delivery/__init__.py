"""What gets a change from git to the environments: `python -m delivery`, as in `make` and in the pipeline.

It reads the repository, stack files and what stacks have put out; only the Pulumi program makes resources.
"""
