"""The variables of a run of Azure Pipelines whose repository is in Azure Repos or on GitHub."""

from emulators.azure_devops.app import TOKEN

VARIABLES = {
    "azure": {
        "BUILD_REPOSITORY_PROVIDER": "TfsGit",
        "BUILD_REPOSITORY_ID": "prefect-aks",
        "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/",
        "SYSTEM_TEAMPROJECT": "data & more",
        "SYSTEM_ACCESSTOKEN": TOKEN,
    },
    "github": {
        "BUILD_REPOSITORY_PROVIDER": "GitHub",
        "BUILD_REPOSITORY_NAME": "contoso/prefect-aks",
        "GITHUB_TOKEN": TOKEN,
    },
}
PULL_REQUEST = {
    "azure": {
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "12",
        "SYSTEM_PULLREQUEST_SOURCECOMMITID": "0123456789abcdef",
        "BUILD_BUILDID": "99",
    },
    "github": {
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "987654",
        "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "12",
    },
}
"""What a run has besides when it is of pull request 12."""
NAMES = frozenset(name for each in (VARIABLES, PULL_REQUEST) for given in each.values() for name in given)
