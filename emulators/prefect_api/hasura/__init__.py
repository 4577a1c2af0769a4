"""The read side as Hasura serves it, generated from the tables: types, filters, orders, aggregates, relations.

Nothing in here knows a table by name.
"""
