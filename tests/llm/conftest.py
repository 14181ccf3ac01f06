from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sizewise.llm.asker import Asker
from sizewise.llm.budget import Budget
from sizewise.llm.journal import Journal
from sizewise.llm.pace import Limits
from sizewise.llm.price import Price
from sizewise.llm.providers import endpoint
from sizewise.llm.scripted.upstream import Upstream

KEYS = {
    "OPENAI_API_KEY": "sk-proj-0123456789abcdef", "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef",
    "CO_API_KEY": "co0123456789abcdefghij", "GEMINI_API_KEY": "AIza0123456789abcdefgh",
}  # fmt: skip
#: each provider's model with the path that its client's base URL has
MODELS = {
    "openai": ("openai:gpt-4o", "/v1"), "anthropic": ("anthropic:claude-sonnet-4-5", ""),
    "cohere": ("cohere:command-r-plus", ""), "gemini": ("gemini:gemini-2.5-flash", ""),
}  # fmt: skip
PRICE = Price(2.5, 10.0)
Make = Callable[..., Asker]


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """The scripted upstream. It is the proxy for every other address as well: a call elsewhere is seen, and refused."""
    with Upstream() as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, server.address)
            monkeypatch.setenv(name.lower(), server.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        for name, key in KEYS.items():
            monkeypatch.setenv(name, key)
        yield server
        assert server.elsewhere == []


@pytest.fixture
def make(upstream: Upstream) -> Iterator[Make]:
    """Make an asker of a provider at the upstream; by default with short waits and no second thoughts."""
    made: list[Asker] = []

    def asker(
        provider: str = "openai", price: Price = PRICE, budget: float = 1e9, journal: Journal | None = None,
        limits: Limits | None = None, same_model: bool = True,
    ) -> Asker:  # fmt: skip
        reference, path = MODELS[provider]
        made.append(
            Asker(
                endpoint(reference, upstream.address + path),
                price,
                journal=journal,
                same_model=same_model,
                budget=Budget(budget, journal.spent if journal else 0.0),
                limits=limits or Limits(timeout=10.0, attempts=3),
            )
        )
        return made[-1]

    yield asker
    for one in made:
        one.close()
