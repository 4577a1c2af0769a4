"""Policies on what runs in the cluster: the objects that the program makes, and the chart that it releases.

What is in the chart is not in a plan: the chart's own judges hold that.
"""

import json
import re
from collections.abc import Iterator, Mapping

from policies.plan import UNKNOWN, Plan, Resource, listed
from policies.rule import on, on_plan

NAMESPACE = "kubernetes:core/v1:Namespace"
SERVICE = "kubernetes:core/v1:Service"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
RELEASE = "kubernetes:helm.sh/v3:Release"
_RBAC = "kubernetes:rbac.authorization.k8s.io/v1"
ROLE = f"{_RBAC}:Role"
CLUSTER_ROLES = (f"{_RBAC}:ClusterRole", f"{_RBAC}:ClusterRoleBinding")
CHART = "charts/prefect-server"
TEMPLATE = "job-template.yaml"
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
FIX = "use components/pod.py"
MIRROR = "set prefect-aks:imageMirror to true, or relax it with prefect-aks:imageMirrorReason"


@on(NAMESPACE, controls=(32,))
def namespace_restricted(namespace: Resource) -> Iterator[str]:
    """A namespace admits restricted pods alone."""
    labels = namespace.get("metadata.labels")
    if labels is UNKNOWN:
        return
    enforced = labels.get("pod-security.kubernetes.io/enforce") if isinstance(labels, Mapping) else None
    if enforced not in {"restricted", UNKNOWN}:
        why = "a pod could run as root beside the others"
        label = "the Namespace's label pod-security.kubernetes.io/enforce"
        yield f"{label} is {enforced or 'not set'}, not restricted: {why}; {FIX}"


@on(DEPLOYMENT, controls=(32,))
def deployment_restricted(deployment: Resource) -> Iterator[str]:
    """Pods are nobody's root, and write nothing but what they mount."""
    why = "its namespace would refuse the pods"
    for pod in _pods(deployment):
        yield from pod.must("securityContext.runAsNonRoot", True, why, FIX)
        yield from pod.must("securityContext.seccompProfile.type", "RuntimeDefault", why, FIX)
    for container in _containers(deployment):
        yield from container.must("securityContext.allowPrivilegeEscalation", False, why, FIX)
        yield from container.must("securityContext.readOnlyRootFilesystem", True, "an intruder could stay", FIX)


@on_plan(controls=(33,))
def namespace_closed(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """In every namespace nobody reaches anybody but by a policy."""
    for namespace in plan.of(NAMESPACE):
        closing = [
            policy
            for policy in plan.using(namespace, NETWORK_POLICY, "metadata")
            # Nothing at all is known of it while the cluster does not exist.
            if policy.get("spec") is UNKNOWN or not policy.properties or _closes(policy)
        ]
        if not closing:
            fix = "use network_rule.deny_all of components/network_rule.py"
            yield namespace, f"no NetworkPolicy closes the namespace: its pods reach, and are reached by, all; {fix}"


@on(SERVICE, controls=(35,))
def service_inside(service: Resource) -> Iterator[str]:
    """No service leaves the cluster."""
    if service.get("spec.type") is not None:
        why = "what it serves asks nobody who they are"
        yield from service.must("spec.type", "ClusterIP", why, "leave spec.type as it is by default")


@on(DEPLOYMENT, controls=(35,))
def deployment_bounded(deployment: Resource) -> Iterator[str]:
    """Pods have an account of their own, are asked for their health, and take no more than they are given."""
    for pod in _pods(deployment):
        if pod.get("serviceAccountName") in {None, "default"}:
            yield pod.line("serviceAccountName", "not an account of its own", "all pods would share its rights", FIX)
    for container in _containers(deployment):
        for path, why in (
            ("resources.limits", "it could take a whole node"),
            ("readinessProbe", "an update would not see that it fails"),
        ):
            if container.get(path) is None:
                yield container.line(path, "which it must be", why, FIX)


@on_plan(controls=(35,), relaxed_by=("imageMirror",))
def images_by_digest(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Images are run by digest, from the environment's own registry."""
    if "imageMirror" in plan.relaxed:
        return
    for deployment in plan.of(DEPLOYMENT):
        for container in _containers(deployment):
            image = container.get("image")
            if image is not UNKNOWN and not DIGEST.search(str(image)):
                yield deployment, container.line("image", "without a digest", "a tag may move", MIRROR)
    for release in plan.of(RELEASE):
        images = release.get("values.images")
        for name, image in images.items() if isinstance(images, Mapping) else ():
            digest = image.get("digest") if isinstance(image, Mapping) else image
            if digest is not UNKNOWN and not DIGEST.search(f"@{digest}"):
                yield release, release.line(f"values.images.{name}.digest", "no digest", "a tag may move", MIRROR)


@on(RELEASE, controls=(36,))
def release_hardened(release: Resource) -> Iterator[str]:
    """The server is our own chart's, without consoles, playgrounds and telemetry; a failed upgrade is taken back."""
    fix = "set it in components/prefect_server.py"
    yield from release.must("chart", CHART, "other charts publish Hasura's console", fix)
    yield from release.must("atomic", True, "a failed upgrade would stay half done", fix)


@on(ROLE, controls=(37,))
def role_narrow(role: Resource) -> Iterator[str]:
    """A Role names what it is for, and no secrets."""
    for index, rule in enumerate(listed(role.get("rules"))):
        for key in ("apiGroups", "resources", "verbs") if isinstance(rule, Mapping) else ():
            if "*" in listed(rule.get(key)):
                yield f"the Role's rules.{index}.{key} has *: it would grow with the cluster; name what is needed"
        if isinstance(rule, Mapping) and "secrets" in listed(rule.get("resources")):
            yield f"the Role's rules.{index}.resources has secrets: a pod would read them all; mount one instead"


@on(*CLUSTER_ROLES, controls=(37,))
def role_in_namespace(role: Resource) -> Iterator[str]:
    """Nothing of the platform has rights in the whole cluster."""
    yield f"{role.name} is a {role.type.rpartition(':')[2]}: its rights reach every namespace; use a Role"


@on(CONFIG_MAP, controls=(37,))
def job_template_hardened(config: Resource) -> Iterator[str]:
    """A flow run's pod is restricted and bounded, and its Job is not repeated."""
    text = (config.get("data") or {}).get(TEMPLATE) if isinstance(config.get("data"), Mapping) else None
    if not isinstance(text, str):
        return
    job = config.part(json.loads(text), "data.job-template")
    fix = "set it in components/job_template.py"
    yield from job.must("spec.backoffLimit", 0, "Kubernetes would repeat what a flow has half done", fix)
    why = "the flows' namespace would refuse the pod"
    for pod in _pods(job):
        yield from pod.must("securityContext.runAsNonRoot", True, why, fix)
    for container in _containers(job):
        yield from container.must("securityContext.allowPrivilegeEscalation", False, why, fix)
        if container.get("resources.limits") is None:
            yield container.line("resources.limits", "which it must be", "a run could take a whole node", fix)


def _pods(maker: Resource) -> Iterator[Resource]:
    """What a Deployment or a Job makes pods of, unless the whole of it is unknown."""
    path = "spec.template.spec"
    found = maker.get(path)
    if found is not UNKNOWN:
        yield maker.part(found if isinstance(found, Mapping) else {}, path)


def _containers(maker: Resource) -> Iterator[Resource]:
    for pod in _pods(maker):
        for index, container in enumerate(listed(pod.get("containers"))):
            if isinstance(container, Mapping):
                yield pod.part(container, f"containers.{index}")


def _closes(policy: Resource) -> bool:
    """Whether a policy is about all pods, and both ways."""
    selector = policy.get("spec.podSelector")
    # The provider answers with all that a selector could have, unknown where it has not.
    given = [value for value in selector.values() if value is not UNKNOWN] if isinstance(selector, Mapping) else []
    selects_all = not any(given)
    return selects_all and set(listed(policy.get("spec.policyTypes"))) == {"Ingress", "Egress"}
