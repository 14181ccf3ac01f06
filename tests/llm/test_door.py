"""What opens the folder, what is loaded when, and the table of providers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sizewise.core.errors import ModelReferenceError
from sizewise.llm.providers import endpoint, is_remote, key_of, providers

CLIENTS = ("any_llm", "openai", "anthropic", "cohere", "google.genai", "xllamacpp")


@pytest.mark.parametrize(
    "code",
    [
        "import sizewise; sizewise.__version__",
        "import sizewise.cli.main",
        "import sizewise; sizewise.decide",
        "import sizewise.llm.asker, sizewise.llm.batch, sizewise.llm.model, sizewise.stages.labelling",
        "from sizewise.llm.asker import Asker; from sizewise.llm.providers import endpoint; Asker(endpoint('ollama:x')).close()",
    ],
)
def test_no_client_is_loaded_before_the_first_call(code: str) -> None:
    told = f"{code}; import sys; print([name for name in {CLIENTS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("model", ["ollama:x", "anthropic:claude-sonnet-4-5"])
def test_without_the_extra_the_door_names_the_line_that_opens_it(model: str) -> None:
    code = (
        "import os, sys; sys.modules['any_llm'] = sys.modules['openai'] = None; os.environ['ANTHROPIC_API_KEY'] = 'k'\n"
        "from sizewise.llm.asker import Asker; from sizewise.llm.providers import endpoint; from sizewise.llm.request import Request\n"
        f"Asker(endpoint('{model}')).ask([Request((('user', 'x'),), 5)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "InputError: asking an LLM needs the extra `llm`: pip install 'sizewise[llm]'" in done.stderr


def test_every_provider_has_an_address_keys_and_a_dated_source() -> None:
    assert {
        "openai",
        "anthropic",
        "cohere",
        "gemini",
        "azure",
        "openrouter",
        "gigachat",
        "yandex",
        "vllm",
        "ollama",
    } <= set(providers())
    for provider in providers().values():
        assert provider.base_url.startswith(("https://", "http://localhost", "<"))
        assert provider.keys
        assert "https://" in provider.source
        assert provider.seen.year >= 2026


def test_references() -> None:
    assert is_remote("openai:gpt-4o")
    assert not is_remote("pypi:gemma3==1/x.gguf")
    assert not is_remote("file:openai:x")
    assert endpoint("yandex:gpt://b1g/yandexgpt/latest").model == "gpt://b1g/yandexgpt/latest"
    assert endpoint("ollama:llama3:8b").model == "llama3:8b"
    assert endpoint("ollama:x").is_local
    assert not endpoint("openai:x").is_local
    assert endpoint("azure:mine", "https://me.openai.azure.com/openai/v1/").name == "azure:mine"


@pytest.mark.parametrize("wrong", ["", ":", "gpt-4o", "openai:", "nobody:x", "https://api.openai.com/v1"])
def test_what_names_no_model(wrong: str) -> None:
    with pytest.raises(ModelReferenceError, match="provider:model"):
        endpoint(wrong)


def test_a_key_is_needed_but_for_a_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in providers().values():
        for variable in provider.keys:
            monkeypatch.delenv(variable, raising=False)
    assert key_of(providers()["ollama"]) == "none"
    for name in ("openai", "anthropic", "cohere", "gemini", "openrouter", "gigachat", "yandex", "azure"):
        with pytest.raises(ModelReferenceError, match="environment variable"):
            key_of(providers()[name])
    monkeypatch.setenv("COHERE_API_KEY", " second ")
    assert key_of(providers()["cohere"]) == "second"
