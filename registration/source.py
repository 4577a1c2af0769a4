"""The source of a flow: its file and the modules of flows/ that it imports, read without running them.

The canonical form is Python 3.11's syntax tree; another minor version of Python prints another tree, which is why
the version is part of the fingerprint's `format`.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The text of a flow file, and of each module of flows/ that it needs, by full module name.

    `packages` names the modules that are packages. A namespace package has an empty text.
    """

    text: str
    modules: Mapping[str, str]
    packages: frozenset[str]

    def canonical(self) -> str:
        """Give the text that the `source` part is a hash of: no comments, no formatting, no docstrings."""
        trees = [f"{name}\n{_bare(text)}" for name, text in sorted(self.modules.items())]
        return "\n\n".join([_bare(self.text), *trees])


class SourceError(Exception):
    """A file of flows/ that cannot be read as Python, or imports in a way that cannot work from storage."""

    def __init__(self, file: Path, line: int | None, reason: str) -> None:
        super().__init__(reason)
        self.file = file
        self.line = line
        self.reason = reason


def read(file: Path, folder: Path) -> Source:
    """Read a flow file and, transitively, the modules of its folder that it imports (inside functions too)."""
    text = _text(file)
    tree = _parse(file, text)
    found: dict[str, str] = {}
    packages: set[str] = set()
    if _is_library(tree):
        return Source(text="", modules={}, packages=frozenset())
    waiting = list(_imports(tree, folder.name, package=None, file=file))
    while waiting:
        name = waiting.pop()
        for module in _with_parents(name):
            if module in found:
                continue
            path = _locate(module, folder)
            if path is None:
                break
            # A folder without __init__.py is a namespace package: nothing to read, yet importable.
            found[module] = _text(path) if path.is_file() else ""
            package = module
            if path.is_dir() or path.name == "__init__.py":
                packages.add(module)
            else:
                package = module.rpartition(".")[0]
            if path.is_file():
                waiting.extend(_imports(_parse(path, found[module]), folder.name, package=package, file=path))
    return Source(text=text, modules=found, packages=frozenset(packages))


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SourceError(file, None, f"cannot be read: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(file, content[: error.start].count(b"\n") + 1, "is not UTF-8 text") from error
    # The script is run by `exec`, which takes any line end; the store keeps one form.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _parse(file: Path, text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise SourceError(file, error.lineno, f"is not valid Python 3.11: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(file, None, f"is not valid Python 3.11: {error}") from error


def _bare(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        if isinstance(node, ast.Constant):
            # A `u` before a string is formatting.
            node.kind = None
    return ast.dump(tree)


def _imports(tree: ast.Module, root: str, *, package: str | None, file: Path) -> Iterator[str]:
    """Name every module below `root` that may be imported, including names that may turn out to be attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _below(alias.name, root))
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, root, package=package, file=file)
            if _below(base, root):
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _is_library(tree: ast.Module) -> bool:
    """Tell a module that only other files import: it imports from its own package, and never speaks of a flow."""
    relative = any(isinstance(node, ast.ImportFrom) and node.level > 0 for node in ast.walk(tree))
    return relative and not any(
        "flow" in word.lower()
        for node in ast.walk(tree)
        for word in (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "name", None))
        if isinstance(word, str)
    )


def _base(node: ast.ImportFrom, root: str, *, package: str | None, file: Path) -> str:
    if node.level == 0:
        return node.module or ""
    if package is None:
        wanted = f"{root}.{node.module}" if node.module else root
        raise SourceError(
            file, node.lineno, f"a flow's script has no package to import from: write `from {wanted} import …`"
        )
    parents = package.split(".")
    kept = parents[: len(parents) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


def _below(module: str, root: str) -> bool:
    return module == root or module.startswith(f"{root}.")


def _with_parents(module: str) -> Iterator[str]:
    steps = module.split(".")
    yield from (".".join(steps[: count + 1]) for count in range(len(steps)))


def _locate(module: str, folder: Path) -> Path | None:
    """Find a module's file, or its folder for a namespace package; None when there is none (an attribute, a typo)."""
    place = folder.joinpath(*module.split(".")[1:])
    for candidate in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if candidate.is_file() and (candidate.name == "__init__.py" or place != folder):
            return candidate
    return place if place.is_dir() else None
