"""The Pulumi program's entry: the language host runs this file, so that the root is on the path."""

from infra import program

program.run()
