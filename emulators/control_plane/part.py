"""The options that each program of the control plane is started with, in the folder of its keys.

The programs find one another by names in that folder, so it can lie anywhere.
"""

HOST = "127.0.0.1"
SERVICE_ADDRESS = "10.96.0.1"
_SERVICE_RANGE = "10.96.0.0/16"
_ISSUER = "https://kubernetes.default.svc"
# Socket files: they need no port and are open to nobody else.
_ETCD, _ETCD_PEER = "unix://localhost:0", "unix://localhost:1"
# What turns namespaces, service accounts, Deployments and Jobs into pods and cleans up after them.
CONTROLLERS = (
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "job-controller",
    "deployment-controller",
    "replicaset-controller",
    "garbage-collector-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "node-lifecycle-controller",
    "ttl-after-finished-controller",
    "disruption-controller",
)


def etcd() -> list[str]:
    """Return the options of etcd; what it writes does not outlive a crash of the machine."""
    return [
        "--data-dir=etcd",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        f"--listen-peer-urls={_ETCD_PEER}",
        f"--initial-advertise-peer-urls={_ETCD_PEER}",
        f"--initial-cluster=default={_ETCD_PEER}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(port: int) -> list[str]:
    """Return the options of the API server on a port."""
    return [
        f"--etcd-servers={_ETCD}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={port}",
        "--tls-cert-file=kube-apiserver.crt",
        "--tls-private-key-file=kube-apiserver.key",
        "--token-auth-file=tokens.csv",
        "--anonymous-auth=false",
        "--authorization-mode=RBAC",
        "--enable-admission-plugins=PodSecurity",
        f"--service-account-issuer={_ISSUER}",
        "--service-account-key-file=service-account.key",
        "--service-account-signing-key-file=service-account.key",
        f"--service-cluster-ip-range={_SERVICE_RANGE}",
        "--endpoint-reconciler-type=none",
        "--kubelet-certificate-authority=ca.crt",
        "--kubelet-client-certificate=kubelet-client.crt",
        "--kubelet-client-key=kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def controller_manager() -> list[str]:
    """Return the options of the controller manager; each controller acts with its own account's rights."""
    return [
        "--kubeconfig=manager.kubeconfig",
        f"--controllers={','.join(CONTROLLERS)}",
        "--use-service-account-credentials",
        "--service-account-private-key-file=service-account.key",
        "--root-ca-file=ca.crt",
        "--leader-elect=false",
        "--secure-port=0",
    ]
