"""The part of Sizewise's own code that an exported specialist carries: what answering needs, and nothing else.

There is one source of truth. Nothing is written a second time for exports: from a few functions on, every definition
that they reach is followed through the modules of this package, and those definitions go along, as they stand, their
imports pointed to the package that carries them. Methods that nothing reaches (fitting, saving) stay behind, and with
them the libraries that only they need. Annotations are never evaluated here, so they reach nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import sizewise
from sizewise.core.errors import SizewiseError

ROOT = Path(sizewise.__file__).parent
OURS = "sizewise"
_IMPORT = re.compile(r"^(\s*)from sizewise\.", re.MULTILINE)
Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
Method = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Name:
    """A definition by its module (``sizewise.core.answer``) and its name there."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module as it is written: its definitions, and what each imported name stands for."""

    lines: tuple[str, ...]
    definitions: Mapping[str, Definition]
    ours: Mapping[str, Name]
    others: Mapping[str, ast.Import | ast.ImportFrom]


@cache
def _module(name: str) -> Module:
    path = ROOT.joinpath(*name.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    source = path.read_text(encoding="utf-8")
    definitions: dict[str, Definition] = {}
    ours: dict[str, Name] = {}
    others: dict[str, ast.Import | ast.ImportFrom] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == OURS:
            ours |= {alias.asname or alias.name: Name(str(node.module), alias.name) for alias in node.names}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            others |= {alias.asname or alias.name.split(".")[0]: node for alias in node.names}
        elif isinstance(node, Definition):
            definitions |= dict.fromkeys(_defined(node), node)
    return Module(tuple(source.splitlines()), definitions, ours, others)


def _defined(node: Definition) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        yield from (inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name))


@dataclass(slots=True)
class _Reached:
    """What was reached so far: definitions, and every name after a dot, by which methods are known."""

    names: set[Name] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    never: frozenset[str] = frozenset()

    def stays(self, owner: ast.ClassDef, part: ast.stmt) -> bool:
        """Whether a part of a class goes along: fields, special methods, and those that something mentions."""
        if not isinstance(part, Method) or part.name.startswith("__"):
            return True
        return part.name in self.attributes and f"{owner.name}.{part.name}" not in self.never

    def kept(self, node: Definition) -> list[ast.stmt]:
        """``node`` itself, or the parts of a class that stay."""
        if not isinstance(node, ast.ClassDef):
            return [node]
        frame = ast.ClassDef(node.name, node.bases, node.keywords, [], node.decorator_list)
        return [frame, *(part for part in node.body if self.stays(node, part))]

    def follow(self, start: Sequence[Name]) -> None:
        """Reach what ``start`` needs, again and again, until no further method is called for."""
        before = -1
        while before != len(self.attributes):
            before = len(self.attributes)
            self.names = set()
            waiting = list(start)
            while waiting:
                name = _origin(waiting.pop())
                if name not in self.names:
                    self.names.add(name)
                    waiting += self._needed(name)

    def _needed(self, name: Name) -> Iterator[Name]:
        module = _module(name.module)
        for node in self.kept(module.definitions[name.name]):
            for inner in _evaluated(node):
                if isinstance(inner, ast.Attribute):
                    if not (isinstance(inner.value, ast.Name) and inner.value.id in module.others):
                        self.attributes.add(inner.attr)
                elif isinstance(inner, ast.ImportFrom) and (inner.module or "").split(".")[0] == OURS:
                    yield from (Name(str(inner.module), alias.name) for alias in inner.names)
                elif isinstance(inner, ast.Name) and inner.id in module.ours:
                    yield module.ours[inner.id]
                elif isinstance(inner, ast.Name) and inner.id in module.definitions:
                    yield Name(name.module, inner.id)


def _origin(name: Name) -> Name:
    """The module that defines ``name``, where the one it was imported from only passes it on."""
    module = _module(name.module)
    if name.name in module.definitions:
        return name
    if name.name not in module.ours:
        raise SizewiseError(f"{name.module} has no {name.name}: the code of an export cannot be put together.")
    return _origin(module.ours[name.name])


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below ``node`` that is evaluated when it runs: all but annotations."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, ast.AST):
                yield from _evaluated(inner)


def carried(roots: Sequence[Name], called: Sequence[str], package: str, never: Sequence[str] = ()) -> dict[str, str]:
    """The source files that ``roots`` need, by their path inside ``package``, with imports that lead there.

    ``called`` are the methods that are called from outside, ``never`` those that stay behind whatever
    mentions them (``Class.method``).
    """
    reached = _Reached(attributes=set(called), never=frozenset(never))
    reached.follow(roots)
    files = {}
    for module in sorted({name.module for name in reached.names}):
        names = {name.name for name in reached.names if name.module == module}
        files["/".join(module.split(".")[1:]) + ".py"] = _written(module, names, reached, package)
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(path.count("/") + 1)}
    return {f"{folder}/__init__.py".lstrip("/"): "" for folder in sorted(folders)} | files


def _written(module: str, names: set[str], reached: _Reached, package: str) -> str:
    about = _module(module)
    nodes = sorted({id(n): n for n in map(about.definitions.__getitem__, names)}.values(), key=lambda n: n.lineno)
    used = {
        inner.id
        for node in nodes
        for part in reached.kept(node)
        for inner in _evaluated(part)
        if isinstance(inner, ast.Name)
    }
    body = [text for node in nodes for text in ("\n", *_source(about, node, reached))]
    imports = [_import(about.others[name], name) for name in sorted(used & about.others.keys())]
    imports += [f"from {o.module} import {_as(o.name, n)}" for n, o in sorted(about.ours.items()) if n in used]
    head = [f'"""Taken as it stands out of {module} of Sizewise {sizewise.__version__} (Apache-2.0)."""', ""]
    text = "\n".join([*head, "from __future__ import annotations", "", *imports, *body]) + "\n"
    return _IMPORT.sub(rf"\1from {package}.", text)


def _import(node: ast.Import | ast.ImportFrom, name: str) -> str:
    (alias,) = (a for a in node.names if (a.asname or a.name.split(".")[0]) == name)
    if isinstance(node, ast.ImportFrom):
        return f"from {node.module} import {_as(alias.name, name)}"
    return f"import {_as(alias.name, name) if alias.asname else alias.name}"


def _as(name: str, known_as: str) -> str:
    return name if name == known_as else f"{name} as {known_as}"


def _source(module: Module, node: Definition, reached: _Reached) -> Iterator[str]:
    """The lines of ``node``, comments above it included, without the methods that nothing reaches."""
    left_out: set[int] = set()
    for part in node.body if isinstance(node, ast.ClassDef) else []:
        if isinstance(node, ast.ClassDef) and not reached.stays(node, part):
            left_out |= set(range(_first_line(module, part), (part.end_lineno or part.lineno) + 1))
    for number in range(_first_line(module, node), (node.end_lineno or node.lineno) + 1):
        if number not in left_out:
            yield module.lines[number - 1]


def _first_line(module: Module, node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    first: int = min(node.lineno, *(d.lineno for d in decorators)) if decorators else node.lineno
    while first > 1 and module.lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return first
