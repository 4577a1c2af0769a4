"""The emulated kubernetes provider: in a file, or in the cluster that `PREFECT_AKS_KUBECONFIG` names.

What it does as the genuine one, and what not, is written in docs/offline-preview.md; a change here changes that page.
"""
