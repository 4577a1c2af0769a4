"""Rules of who deploys an environment, and who is let in to look at it."""

from collections.abc import Iterator

from infra.problem import Problem


def path_of_the_deployer(public_access: str, deployer: str) -> Iterator[Problem]:
    """A private environment is deployed from inside."""
    if public_access == "disabled" and deployer == "none":
        fix = "use managedDevOpsPool or scaleSet, or set publicAccess to authorizedRanges with its reason"
        yield Problem("deployer", "leaves no path for who deploys, as publicAccess is disabled", fix)


def key_of_the_scale_set(deployer: str, deployer_ssh_public_key: str) -> Iterator[Problem]:
    """Azure makes no Linux machine without a way in."""
    if deployer == "scaleSet" and not deployer_ssh_public_key:
        fix = "write the public half of a key pair, or use managedDevOpsPool"
        yield Problem("deployerSshPublicKey", "is missing, as deployer is scaleSet", fix)


def principal_of_the_managed_pool(deployer: str, deployer_principal_id: str) -> Iterator[Problem]:
    """Azure DevOps joins the pool to the network by a service principal that each tenant knows by another id."""
    if deployer == "managedDevOpsPool" and not deployer_principal_id:
        fix = "write the object id of the service principal DevOpsInfrastructure, or use scaleSet"
        yield Problem("deployerPrincipalId", "is missing, as deployer is managedDevOpsPool", fix)


def whole_of_devops(
    deployer: str,
    devops_organization: str,
    devops_organization_id: str,
    devops_project: str,
    devops_service_connection: str,
) -> Iterator[Problem]:
    """The pipeline's federation needs all four; a managed pool belongs to an organisation."""
    given = {
        "devopsOrganization": devops_organization,
        "devopsOrganizationId": devops_organization_id,
        "devopsProject": devops_project,
        "devopsServiceConnection": devops_service_connection,
    }
    if any(given.values()):
        for key in (key for key, value in given.items() if not value):
            yield Problem(key, "is missing, as other devops keys are given", "set all four of them, or none")
    elif deployer == "managedDevOpsPool":
        fix = "set the four devops keys, or use another deployer"
        yield Problem("devopsOrganization", "is missing, as deployer is managedDevOpsPool", fix)


def connection_of_the_subject(devops_service_connection: str, devops_subject: str) -> Iterator[Problem]:
    """It belongs to a service connection."""
    if devops_subject and not devops_service_connection:
        yield Problem("devopsSubject", "has no service connection", "set the four devops keys, or remove it")


def organization_of_the_preview(devops_organization: str, devops_preview_connection: str) -> Iterator[Problem]:
    """Its service connection is one of that organisation's."""
    if devops_preview_connection and not devops_organization:
        yield Problem("devopsPreviewConnection", "has no organisation", "set the four devops keys, or remove it")


def another_connection_for_the_preview(
    devops_service_connection: str, devops_preview_connection: str
) -> Iterator[Problem]:
    """What deploys may do too much for code that nobody has approved yet."""
    if devops_preview_connection and devops_preview_connection == devops_service_connection:
        fix = "make a second service connection for previews"
        yield Problem("devopsPreviewConnection", "is what deploys", fix)


def connection_of_the_preview_subject(devops_preview_connection: str, devops_preview_subject: str) -> Iterator[Problem]:
    """It belongs to a service connection, too."""
    if devops_preview_subject and not devops_preview_connection:
        yield Problem("devopsPreviewSubject", "has no service connection", "set devopsPreviewConnection, or remove it")


def host_of_the_login(ui_login: bool, ui_host: str) -> Iterator[Problem]:
    """Entra ID sends people back to an address that it knows."""
    if ui_login and not ui_host:
        yield Problem("uiHost", "is missing, as uiLogin is true", "name the UI's host, or set uiLogin to false")


RULES = (
    path_of_the_deployer,
    key_of_the_scale_set,
    principal_of_the_managed_pool,
    whole_of_devops,
    connection_of_the_subject,
    organization_of_the_preview,
    another_connection_for_the_preview,
    connection_of_the_preview_subject,
    host_of_the_login,
)
