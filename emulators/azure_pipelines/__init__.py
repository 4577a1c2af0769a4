"""Azure Pipelines on one machine: it reads azure-pipelines.yml, expands it for one occasion, and runs what is left.

It is no agent and no service. There are no pools, approvals, checks, locks, time limits, artifacts, caches, matrices
and containers, nothing runs side by side, and nothing logs in anywhere. What it does not know it refuses, where Azure
Pipelines would at times go on without it.
"""
