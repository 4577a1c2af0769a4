"""What each mutation does to the tables, one file a noun; a function is named as its mutation.

Every function gets the one writing session: what it writes is committed as a whole, before the answer is sent.
"""
