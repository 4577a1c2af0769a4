"""A stand-in for what `make comment`, `make pr-project` and `make pipeline-setup` ask of Azure DevOps and of GitHub.

It knows one organisation's things by their names, whoever asks with the token `emulated`, and runs nothing. What it
refuses is what the services' documentation says that they refuse; they refuse more.
"""
