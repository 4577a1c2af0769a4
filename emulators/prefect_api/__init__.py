"""The Prefect 1 server's API in one process, for one machine: GraphQL over HTTP, on SQLite or PostgreSQL.

It has no authentication, as Prefect Server 1 has none, so it listens on the loopback interface unless told otherwise.
"""
