"""Pulumi component resources, one file each. They import registration, and nothing imports the program."""
