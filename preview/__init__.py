"""What the engine's event log means for people: of a preview, an update or a refresh, a summary and a record for tools.

It serves every engine, emulated or real, so it imports neither the program nor what emulates the cloud.
"""
