"""A kubelet that runs the containers of a few known images as local processes, and says so of all the others."""
