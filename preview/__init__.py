"""What a plan means for people: the engine's event log, read into a summary for a pull request and a record for tools.

It serves every preview, offline or real, so it imports neither the program nor what emulates the cloud.
"""
