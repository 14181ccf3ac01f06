"""Hand a finished run's specialist over: as a folder that runs, a wheel, an ONNX graph."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import sizewise
from sizewise.cascade.cascade import Cascade
from sizewise.core.errors import RunError
from sizewise.core.record import RunRecord
from sizewise.export.binding import base_of, bindings, dated
from sizewise.export.card import Card
from sizewise.export.comparison import Comparison, compare
from sizewise.export.gguf import SERVE, Alone, gguf_files, tuned
from sizewise.export.names import version_of
from sizewise.export.package import ANSWERS_AS, STANDALONE, Package, graph_package, licence, package
from sizewise.export.publish import MARK, published, write_files
from sizewise.export.run_texts import test_inputs
from sizewise.export.standalone.onnx_inputs import OnnxSpecialist
from sizewise.export.standalone.program import Program
from sizewise.export.tuning.providers import providers
from sizewise.export.tuning.tuning import Choices, tuning_files
from sizewise.export.wheel import Distribution, write_wheel
from sizewise.report.words import Words
from sizewise.run import Run
from sizewise.verdict.wording import LANGUAGES, Language

FORMATS = ("folder", "wheel", "onnx", "gguf")
SMALL = ("folder", "wheel", "onnx")  # where weights can be rounded; GGUF says itself how its weights are kept
COMPARED_SLOWLY = 200  # where an answer takes a local model's time
COMPARED = 2_000  # inputs at the most, to hold rounded weights against the run's
RUN = '''\
"""The specialist as a program: ``python FOLDER [FILE]``."""

import sys

from {module} import program

if __name__ == "__main__":
    sys.exit(program.main("{name}", sys.argv[1:]))
'''


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made: the folder, its size in bytes, what binds whoever has it, and how it compares with the run."""

    folder: Path
    bytes: int
    binding: tuple[str, ...]
    comparison: Comparison | None

    def said(self, words: Words) -> Iterator[str]:
        """It in lines for a terminal."""
        yield words("model_card.made", folder=str(self.folder), size=words.numbers.plain(self.bytes / 1e6, 1))
        yield from self.comparison.said(words) if self.comparison else ()
        yield from self.binding


@dataclass(frozen=True, slots=True)
class _Order:
    """One export to be made."""

    run: Path
    record: RunRecord
    model: Cascade
    small: bool
    source: Path | None


def export(
    run: Path, to: str, out: Path, *, small: bool = False, source: Path | None = None, force: bool = False,
    language: Language = "en", tuning: Choices | None = None,
) -> Exported:  # fmt: skip
    """Export a run's specialist to the new folder ``out``, which appears whole or not at all.

    ``small`` rounds weights to one byte; how that answers is measured on the run's test inputs, where its log, or
    ``source``, is at hand. Raises ``RunError`` where the run is unfinished or damaged, its rung cannot go to the
    format ``to``, or ``out`` exists.
    """
    _require_sense(to, small, tuning or Choices())
    opened = Run.open(run)
    if to in providers():
        files = tuning_files(run, opened.record, source, to, tuning or Choices())
        with published(out, force) as folder:
            write_files(folder, files)
            _mark(folder, opened.record, to)
        told = (dated(providers()[to].terms, ("commercial", "training"), Words(language)),)
        return Exported(out, sum(len(content) for content in files.values() if isinstance(content, bytes)), told, None)
    order = _Order(run, opened.record, _loaded(opened), small, source)
    _require(order.model, to)
    with published(out, force) as folder:
        comparison = WRITERS[to](order, folder)
        _mark(folder, order.record, to)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Exported(out, size, tuple(bindings(order.record, Words(language), base_of(order.model))), comparison)


def _require_sense(to: str, small: bool, tuning: Choices) -> None:
    """Raise ``RunError`` where something was asked for that the format ``to`` does not have."""
    if small and to not in SMALL:
        raise RunError(f"--small is for {', '.join(SMALL)}; with --to {to} it would change nothing. Leave it out.")
    if tuning != Choices() and to not in providers():
        raise RunError(
            f"--model, --training-price and --epochs are for tuning a large model ({', '.join(providers())}); "
            f"with --to {to} they would change nothing. Leave them out."
        )


def _loaded(run: Run) -> Cascade:
    model = run.model()
    assert isinstance(model, Cascade)
    return model


def _require(model: Cascade, to: str) -> None:
    """Raise ``RunError`` unless the specialist says that it can go to the format ``to``."""
    offered: Sequence[str] = getattr(model.specialist, "exports", ())
    if to in offered:
        return
    rung = model.specialist.name
    can = f"It can go to: {', '.join(offered)}." if offered else "This version exports it to nothing."
    why = " GGUF is for rungs that rest on a local language model." if to == "gguf" else ""
    raise RunError(f"the rung {rung} of this run cannot go to {to}.{why} {can}")


def _folder(order: _Order, folder: Path) -> Comparison | None:
    """A folder that is a program: ``python FOLDER``."""
    made = package(order.run, order.model, order.small)
    write_files(folder, made.files)
    comparison = _compared(order, folder / made.module)
    beside = {
        "__main__.py": RUN.format(module=made.module, name=made.name).encode(),
        "requirements.txt": "".join(f"{need}\n" for need in made.requires).encode(),
        "LICENSE": licence(),
    }
    write_files(folder, beside)
    ask = f"pip install -r requirements.txt\npython . rows.jsonl > answers.jsonl\n{_example('python .')}"
    _cards(order, folder, "folder", [("sh", ask), _in_python(made)], comparison)
    return comparison


def _wheel(order: _Order, folder: Path) -> Comparison | None:
    """A wheel, with its card beside it."""
    made = package(order.run, order.model, order.small)
    trial = folder / ".trial"
    comparison = None
    if order.small:
        write_files(trial, made.files)
        comparison = _compared(order, trial / made.module)
        shutil.rmtree(trial)
    version = version_of(order.record.verdict.created)
    name = f"{made.module}-{version}-py3-none-any.whl"
    ask = f"pip install {name}\npython -m {made.module} rows.jsonl > answers.jsonl\n{_example(f'python -m {made.module}')}"
    description = _cards(order, folder, "wheel", [("sh", ask), _in_python(made)], comparison)
    summary = f"A specialist for one task, {order.model.specialist.name}, made by Sizewise"
    write_wheel(folder, Distribution(made.name, version, summary, description, made.requires, made.files, licence()))
    return comparison


def _onnx(order: _Order, folder: Path) -> Comparison | None:
    """The graph, what its inputs are made from, and a program in Python that makes them."""
    made = graph_package(order.model, order.small)
    write_files(folder, {**made.files, "LICENSE": licence()})
    found = test_inputs(order.run, order.record, order.source, COMPARED) if order.small else None
    comparison = compare(OnnxSpecialist(folder), *found, order.record.verdict.reference) if found else None
    ask = "pip install -r requirements.txt\necho 'a text' | python example.py"
    code = f'from pathlib import Path\n\nfrom {made.module} import OnnxSpecialist\n\nprint(OnnxSpecialist(Path()).answer(["..."]))'
    _cards(order, folder, "onnx", [("sh", ask), ("python", code)], comparison)
    return comparison


def _gguf(order: _Order, folder: Path) -> Comparison | None:
    """Base and adapter for llama.cpp, with a program that reads the answers off; held against the run."""
    specialist = tuned(order.model.specialist)
    write_files(folder, {**gguf_files(specialist), "LICENSE": licence()})
    comparison = None
    if specialist.lower is not None and (found := test_inputs(order.run, order.record, order.source, COMPARED_SLOWLY)):
        comparison = compare(Alone(specialist), *found, order.record.verdict.reference)
    context = specialist.tuning.context
    ask = "pip install -r requirements.txt\necho 'a text' | python answer.py"
    serve = f"{SERVE.format(context=context)}\necho 'a text' | python answer.py http://127.0.0.1:8080"
    _cards(order, folder, "gguf", [("sh", ask), ("sh", serve)], comparison)
    return comparison


def _example(command: str) -> str:
    row = json.dumps({"id": 1, "input": "..."})
    return f"echo {shlex.quote(row)} | {command}"


def _in_python(made: Package) -> tuple[str, str]:
    return "python", f'from {made.module} import answer\n\nprint(answer(["..."]))'


def _cards(
    order: _Order, folder: Path, kind: str, usage: Sequence[tuple[str, str]], comparison: Comparison | None
) -> str:
    """Write the card in both languages; the English one without its front matter is given back."""
    cards = {
        language: Card(order.record, order.model, kind, usage, order.small, comparison, Words(language))
        for language in LANGUAGES
    }
    write_files(folder, {
        ("README.md" if language == "en" else f"README.{language}.md"): card.text().encode()
        for language, card in cards.items()
    })  # fmt: skip
    return cards["en"].plain_text()


def _compared(order: _Order, made: Path) -> Comparison | None:
    """Where weights were rounded and the log is at hand, how the export answers the run's test inputs."""
    if not order.small:
        return None
    found = test_inputs(order.run, order.record, order.source, COMPARED)
    if found is None:
        return None
    rung = order.model.specialist.name
    make = import_module(f"{STANDALONE}.{ANSWERS_AS.get(rung, rung)}").specialist
    return compare(Program(made / "model", make), *found, order.record.verdict.reference)


def _mark(folder: Path, record: RunRecord, to: str) -> None:
    """Say what the folder is, with every file's hash: by this a later export knows that it may take its place."""
    hashes = {}
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        with path.open("rb") as file:
            hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    about = {
        "sizewise_version": sizewise.__version__, "to": to, "task": record.verdict.task, "run_id": record.verdict.run_id,
        "created": record.verdict.created, "sha256": hashes,
    }  # fmt: skip
    write_files(folder, {MARK: (json.dumps(about, ensure_ascii=False, indent=1) + "\n").encode()})


WRITERS: Mapping[str, Callable[[_Order, Path], Comparison | None]] = {
    "folder": _folder, "wheel": _wheel, "onnx": _onnx, "gguf": _gguf,
}  # fmt: skip
