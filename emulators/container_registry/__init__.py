"""A stand-in for what this project asks of a container registry in Azure, and of Azure about it.

It takes imports and builds of images, scales the pools that build, tells tags' digests, and keeps blobs. It copies
nothing, runs no step of a build and holds no image. A digest is computed from the name of the image that would have
been copied, or from what would have been built: it is no image's digest anywhere, and what is deployed by it starts
nowhere but on emulators.
"""
