"""A stand-in for what the image mirror asks of Azure: an import into a container registry, and a tag's digest.

It copies nothing and holds no image. A digest is computed from the name of the image that would have been copied, so it
is no image's digest anywhere: what is deployed by it starts nowhere but on emulators.
"""
