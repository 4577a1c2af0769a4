"""What `make bench` times; never a test, as a busy machine would fail it."""
