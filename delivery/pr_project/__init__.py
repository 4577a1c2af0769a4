"""A pull request's flows, tried in a project of their own: `pr-project`."""
