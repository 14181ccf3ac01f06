"""Imports go down only: a file imports from lower floors and from its own folder (decision 1)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import sizewise

PACKAGE = Path(sizewise.__file__).parent
#: folder or file under ``sizewise`` → floor; the package's own door, ``__init__``, is above them all
FLOORS = {
    "core": 0,
    "data": 1, "models": 1, "llm": 1, "slm": 1, "store": 1,
    "specialists": 2, "evaluate": 2, "cascade": 2,
    "verdict": 3, "watch": 3, "advice": 3,
    "report": 4, "gateway": 4,
    "stages": 5, "run": 5, "profile": 5,
    "pipeline": 6, "api": 6, "served": 6, "export": 6,
    "cli": 7,
}  # fmt: skip
#: on one floor, and yet allowed: a run's folder is opened by a file of its own, which the stages return to,
#: the API is the pipeline with its options resolved, and the engine opens what the catalogue resolves
NEIGHBOURS = {("stages", "run"), ("api", "pipeline"), ("slm", "models")}
NO_CODE = {"demo"}
FILES = sorted(f for f in PACKAGE.rglob("*.py") if f != PACKAGE / "__init__.py")


def place(file: Path) -> str:
    """The folder, or the file itself where it lies at the top."""
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(source: str) -> Iterator[str]:
    """Each place under ``sizewise`` that ``source`` imports from, wherever in the file the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if node.module == "sizewise"
                else [node.module or ""]
            )
        else:
            continue
        for name in names:
            if name.startswith("sizewise.") and not name.startswith("sizewise.__"):
                yield name.split(".")[1]


def problems(here: str, source: str) -> list[str]:
    """What ``source``, standing in ``here``, imports from where it must not."""
    return [
        f"{here} ({FLOORS[here]}) imports {there} ({FLOORS[there]})"
        for there in imported(source)
        if there != here and (here, there) not in NEIGHBOURS and FLOORS[there] >= FLOORS[here]
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down(file: Path) -> None:
    assert not problems(place(file), file.read_text(encoding="utf-8"))


def test_every_place_has_a_floor() -> None:
    assert {place(file) for file in FILES} - NO_CODE <= set(FLOORS)


def test_core_needs_the_standard_library_alone() -> None:
    for file in (PACKAGE / "core").glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        typing_only = {
            id(inner) for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and id(node) not in typing_only:
                assert (node.module or "").split(".")[0] not in ("numpy", "scipy", "msgspec", "sklearn"), file


@pytest.mark.parametrize(
    ("here", "source"),
    [
        ("core", "from sizewise.data.read import read"),
        ("data", "from sizewise.store.arrays import save_json"),
        ("specialists", "from sizewise.cascade.cascade import Cascade"),
        ("cascade", "def late():\n    from sizewise.stages.choice import choose"),
        ("verdict", "import sizewise.report.page"),
        ("report", "from sizewise import pipeline"),
        ("stages", "from sizewise.pipeline import decide"),
    ],
)
def test_what_goes_up_is_noticed(here: str, source: str) -> None:
    assert problems(here, source)
