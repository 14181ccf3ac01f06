"""A tuned local model as files for llama.cpp: its base, its adapter, how an answer is read, and a program that does so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sizewise.core.answer import Answer
from sizewise.core.errors import RunError
from sizewise.export.binding import public
from sizewise.export.carried_code import Name, carried
from sizewise.export.publish import Content
from sizewise.export.standalone.gguf import ABOUT, ADAPTER, BASE
from sizewise.models.local_slm import local_slm
from sizewise.specialists.tuned.reading import Head
from sizewise.specialists.tuned.specialist import SlmTuned

CODE = "sizewise_gguf"
REQUIRES = ("numpy>=2.1", "xllamacpp>=2026.10")
SERVE = (
    f"llama-server -m {BASE} --lora {ADAPTER} --lora-init-without-apply -np 1 -c {{context}} -fa off --no-repack "
    "--swa-full --cache-ram 0 --port 8080"
)
PROGRAM = '''\
"""Texts in, one a line; answers and their probabilities out: ``python answer.py [ADDRESS OF A llama-server]``."""

import sys
from pathlib import Path

from {code}.engine.export.standalone.gguf import GgufSpecialist

if __name__ == "__main__":
    try:
        model = GgufSpecialist(Path(__file__).parent, sys.argv[1] if len(sys.argv) > 1 else None)
        for line in sys.stdin:
            (said,) = model.answer([line.rstrip("\\r\\n")])
            print(said.value, said.probabilities[said.value], sep="\\t", flush=True)
    except (OSError, RuntimeError) as error:
        sys.exit(f"answer.py: {{error}}")
'''


def gguf_files(specialist: SlmTuned) -> dict[str, Content]:
    """Every file of the export. Raises ``ModelReferenceError`` where the base is not the one that was learned on."""
    tuning, reading = specialist.tuning, specialist.tuning.reading
    about: dict[str, Any] = {
        "labels": list(tuning.labels), "base": public(tuning.model), "base_sha256": tuning.sha256,
        "adapter_sha256": tuning.adapter_sha256, "input_tokens": tuning.input_tokens, "context": tuning.context,
        "power": tuning.join.own if specialist.lower is None else 1.0,
    }  # fmt: skip
    if isinstance(reading, Head):
        about |= {
            "reading": "head",
            "words": list(reading.words),
            "mix": reading.mix.tolist(),
            "bias": reading.bias.tolist(),
        }
    else:
        about |= {"reading": "tree", "label_tokens": [list(label) for label in reading.labels]}
    root = Name("sizewise.export.standalone.gguf", "GgufSpecialist")
    code = carried([root], ("answer", "walk", "scores", "tokens"), f"{CODE}.engine")
    files: dict[str, Content] = {f"{CODE}/engine/{path}": source.encode() for path, source in code.items()}
    return files | {
        f"{CODE}/__init__.py": b"",
        BASE: local_slm(tuning.model, tuning.sha256).path,
        ADAPTER: specialist.adapter,
        ABOUT: (json.dumps(about, ensure_ascii=False) + "\n").encode(),
        "answer.py": PROGRAM.format(code=CODE).encode(),
        "requirements.txt": "".join(f"{need}\n" for need in REQUIRES).encode(),
    }


@dataclass(frozen=True, slots=True)
class Alone:
    """The tuned model without the lower rung that the run joins to it: what the export answers."""

    specialist: SlmTuned

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        own = self.specialist.own(inputs)
        return [Answer(self.specialist.labels[int(best)]) for best in own.argmax(axis=1)]


def tuned(specialist: object) -> SlmTuned:
    """The specialist, if it is of that kind."""
    if not isinstance(specialist, SlmTuned):
        raise RunError("only a tuned local model goes to GGUF.")
    return specialist
