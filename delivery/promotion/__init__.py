"""What two deployed stacks run, and having one run what the other does: `diff` and `promote`."""
