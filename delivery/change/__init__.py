"""What a change will do to each environment, decided by content: `changes`."""
