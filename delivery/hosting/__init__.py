"""The service that hosts the repository, Azure DevOps or GitHub: `comment` and `pipeline-setup`."""
