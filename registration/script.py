"""The script that a flow is stored as: it runs by `exec` alone, where flows/ does not exist.

A flow that imports nothing from flows/ is stored as it is. For any other the modules are stored in front of it, and
a finder that serves them. The text runs on the flow's machine, so it may use nothing but the standard library.
"""

import ast
from dataclasses import dataclass

from registration.source import Source

_FINDER = '''\
def _serve_stored_modules(sources, packages):
    """Make the modules of flows/ that this flow was registered with importable."""
    import importlib.abc
    import importlib.machinery
    import sys

    try:
        from cloudpickle import register_pickle_by_value
    except ImportError:
        register_pickle_by_value = None

    class StoredModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        def find_spec(self, fullname, path=None, target=None):
            if fullname not in sources:
                return None
            return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname in packages)

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            if register_pickle_by_value is not None:
                # A Dask worker has no flows/ either: what it is sent must hold these modules' code.
                register_pickle_by_value(module)
            exec(compile(sources[module.__name__], f"<{module.__name__}>", "exec"), module.__dict__)

    for name in sources:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, StoredModules())


'''


@dataclass(frozen=True, kw_only=True)
class Script:
    """The text to store, and where lines were put in: `added` of them after line `after` of the flow file."""

    text: str
    after: int
    added: int

    def line_in_file(self, line: int) -> int:
        """Translate a line of the script into the line of the flow file."""
        return line if line <= self.after else max(self.after + 1, line - self.added)


def write(source: Source) -> Script:
    """Make the script of a flow."""
    if not source.modules:
        return Script(text=source.text, after=0, added=0)
    lines = source.text.split("\n")
    after = _end_of_head(source.text)
    block = _block(source)
    text = "\n".join([*lines[:after], *block, *lines[after:]])
    return Script(text=text, after=after, added=len(block))


def _block(source: Source) -> list[str]:
    modules = [f"        {name!r}: {text!r}," for name, text in sorted(source.modules.items())]
    call = [
        "_serve_stored_modules(",
        "    sources={",
        *modules,
        "    },",
        f"    packages={sorted(source.packages)!r},",
        ")",
        "del _serve_stored_modules",
    ]
    return [*_FINDER.rstrip("\n").split("\n"), "", "", *call, ""]


def _end_of_head(text: str) -> int:
    """Find the last line of what must stay first: the docstring and the imports from `__future__`."""
    last = 0
    for position, node in enumerate(ast.parse(text).body):
        docstring = position == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (docstring or future):
            break
        last = node.end_lineno or last
    return last
