"""The command-line tools that no Python package carries: pinned Go modules and what installs them."""
