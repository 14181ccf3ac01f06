"""What ``import sizewise`` promises: six names, and nothing heavy before one of them is used."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import sizewise

HEAVY = ("torch", "transformers", "sklearn", "scipy", "onnxruntime", "tokenizers", "matplotlib", "jinja2", "numpy")
CLIENTS = ("openai", "anthropic", "any_llm", "httpx", "requests", "aiohttp", "huggingface_hub")


def loaded_after(program: str) -> set[str]:
    """The top-level modules that a fresh process has loaded after ``program``."""
    tail = "; import sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program + tail], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_public_names_are_these_and_sorted() -> None:
    assert sizewise.__all__ == ["Answer", "Model", "Run", "decide", "load"]
    assert sizewise.__all__ == sorted(sizewise.__all__)
    assert dir(sizewise) == sorted([*sizewise.__all__, "__version__"])


@pytest.mark.parametrize("name", sizewise.__all__)
def test_each_name_is_there_with_a_docstring(name: str) -> None:
    assert inspect.getdoc(getattr(sizewise, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'decided'"):
        _ = sizewise.decided


def test_import_sizewise_loads_nothing_heavy() -> None:
    assert not loaded_after("import sizewise") & {*HEAVY, *CLIENTS}


@pytest.mark.parametrize(
    "program", ["import sizewise.pipeline", "import sizewise.api", "import sizewise.run", "import sizewise.cli.main"]
)
def test_no_import_of_ours_loads_torch_or_a_client_or_scikit_learn(program: str) -> None:
    assert not loaded_after(program) & {"torch", "transformers", "sklearn", *CLIENTS}


def test_reading_a_verdict_needs_no_model() -> None:
    assert not loaded_after("import sizewise.core.verdict, sizewise.verdict.decision") & {*HEAVY, *CLIENTS}
