"""What stands in for the cloud on one machine; only tests and make targets reach it."""
