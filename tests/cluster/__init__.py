"""Tests in a real cluster: a package, so that its cluster ends with the last of them."""
