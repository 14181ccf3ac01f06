from __future__ import annotations

import ast
import sys

import pytest

from sizewise.core.errors import SizewiseError
from sizewise.export.carried_code import Name, carried
from sizewise.export.package import engine

LIBRARIES = {
    "majority": {"numpy"},
    "keywords": {"numpy"},
    "encoder": {"numpy", "onnxruntime", "tokenizers"},
}


def imported(source: str) -> set[str]:
    """The first part of everything that ``source`` imports, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("rung", LIBRARIES)
def test_the_engine_needs_what_the_wheel_declares_and_nothing_else(rung: str) -> None:
    files = engine(rung, "sizewise_task")
    libraries = set().union(*map(imported, files.values())) - sys.stdlib_module_names
    assert libraries == LIBRARIES[rung] | {"sizewise_task"}


@pytest.mark.parametrize("rung", LIBRARIES)
def test_nothing_that_fits_or_saves_goes_along(rung: str) -> None:
    code = "\n".join(engine(rung, "sizewise_task").values())
    for left in ("def fit", "def save", "minimize", "csr_matrix", "Recipe", "from sizewise."):
        assert left not in code, left


@pytest.mark.parametrize("rung", LIBRARIES)
def test_every_name_that_is_evaluated_is_there(rung: str) -> None:
    """Each file defines or imports all the names that its code loads: nothing was left behind by mistake."""
    known = set(dir(__builtins__)) | set(__builtins__ if isinstance(__builtins__, dict) else ())
    for path, source in engine(rung, "sizewise_task").items():
        compiled = compile(source, path, "exec")
        module = {
            name.id
            for name in ast.walk(ast.parse(source))
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        }
        module |= {n.name for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef | ast.FunctionDef)}
        module |= {
            a.asname or a.name.split(".")[0]
            for n in ast.walk(ast.parse(source))
            if isinstance(n, ast.Import | ast.ImportFrom)
            for a in n.names
        }
        assert not globals_of(compiled) - module - known - {"__file__", "__name__"}, path


def globals_of(code: object) -> set[str]:
    """Names that the functions of compiled ``code`` look up outside themselves."""
    import dis
    import types

    assert isinstance(code, types.CodeType)
    found = {str(i.argval) for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL",)}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= globals_of(constant)
    return found


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(SizewiseError, match="has no nothing"):
        carried([Name("sizewise.core.answer", "nothing")], (), "package")
