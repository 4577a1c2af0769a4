"""Azure, Entra ID, random values and Kubernetes as Pulumi provider plugins that need no cloud.

What they check, and what they do not know, is written in docs/offline-preview.md; a change here changes that page.
"""
