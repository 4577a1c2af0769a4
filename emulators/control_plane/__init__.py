"""A real Kubernetes control plane on this machine: etcd, kube-apiserver and kube-controller-manager, on 127.0.0.1."""
