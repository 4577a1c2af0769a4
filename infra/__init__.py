"""The program: what an environment is made of, and in which order."""
