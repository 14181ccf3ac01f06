"""Each provider's own SDK as the client, against an upstream that speaks its wire format; nothing else is called."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sizewise.core.errors import LimitReached, ModelReferenceError, SizewiseError
from sizewise.llm.asker import Asker
from sizewise.llm.model import RemoteModel
from sizewise.llm.prompt import Prompt
from sizewise.llm.providers import endpoint
from sizewise.llm.request import Reply
from sizewise.llm.scripted import wire
from sizewise.llm.scripted.upstream import Step, Upstream

from .conftest import KEYS, MODELS, Make

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class Aiohttp:DeprecationWarning")
PROMPT = Prompt("Route the message of a shop's customer.", ("refund", "delivery", "account"))
PROVIDERS = pytest.mark.parametrize("provider", MODELS)


def error(provider: str, status: int, message: str, **more: Any) -> Step:
    body = getattr(wire, f"{provider}_error")(status, message, **more)
    return Step(status, body)


@PROVIDERS
def test_an_answer_with_its_usage_and_cost(provider: str, make: Make, upstream: Upstream) -> None:
    with RemoteModel(make(provider), PROMPT) as model:
        answers = model.answer(["верните деньги 🙂", "where is my parcel?", "", "верните деньги 🙂"])
    assert [a.value for a in answers] == ["refund", "delivery", "account", "refund"]
    assert [a.error for a in answers] == [None] * 4
    for answer in answers:
        assert answer.usage is not None
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (120, 6)
        assert answer.usage.cost_usd == pytest.approx((120 * 2.5 + 6 * 10) / 1e6)
        assert answer.latency_ms is not None
        assert 0 < answer.latency_ms < 10_000
    assert len(upstream.seen) == 3, "equal inputs are asked once"
    assert {seen.dialect for seen in upstream.seen} == {provider}


@PROVIDERS
def test_the_answer_is_held_to_the_labels(provider: str, make: Make, upstream: Upstream) -> None:
    make(provider).ask([PROMPT.request("refund")])
    body = upstream.seen[0].body
    held = {
        "openai": lambda: body["response_format"]["json_schema"]["schema"],
        "anthropic": lambda: body["output_config"]["format"]["schema"],
        "cohere": lambda: body["response_format"]["schema"],
        "gemini": lambda: (
            body["generationConfig"].get("responseJsonSchema") or body["generationConfig"]["responseSchema"]
        ),
    }[provider]()
    assert held["properties"]["label"]["enum"] == ["refund", "delivery", "account"]
    assert "refund" in json.dumps(body)
    most = {"openai": "max_completion_tokens", "gemini": "maxOutputTokens"}.get(provider, "max_tokens")
    assert (body["generationConfig"] if provider == "gemini" else body)[most] == 64


@PROVIDERS
def test_a_stream(provider: str, make: Make, upstream: Upstream) -> None:
    *pieces, last = make(provider).stream(PROMPT.request("refund"))
    assert "".join(map(str, pieces)) == '{"label": "refund"}'
    assert len(pieces) >= 5
    assert isinstance(last, Reply)
    assert last.text == '{"label": "refund"}'
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (120, 6)
    assert last.error is None


@PROVIDERS
@pytest.mark.parametrize(("status", "said"), [(401, "refused the key"), (404, "knows no model"), (503, "fails at")])
def test_a_stream_that_is_refused(provider: str, status: int, said: str, make: Make, upstream: Upstream) -> None:
    key = KEYS[{"cohere": "CO_API_KEY"}.get(provider, f"{provider.upper()}_API_KEY")]
    upstream.script.append(error(provider, status, f"model not found for {key}"))
    asker = make(provider)
    with pytest.raises(SizewiseError, match=said) as raised:
        list(asker.stream(PROMPT.request("refund")))
    assert key not in f"{raised.value} {raised.value.__cause__}"
    assert asker.budget.spent == 0.0
    assert asker.budget.reserved == 0.0


@PROVIDERS
def test_a_stream_that_breaks_on_its_way(provider: str, make: Make, upstream: Upstream) -> None:
    upstream.script.append(Step(text="refund " * 40, cut_after=12))
    asker, pieces = make(provider), []
    with pytest.raises(LimitReached):
        pieces += [str(piece) for piece in asker.stream(PROMPT.request("refund"))]
    assert asker.budget.spent == asker.most(PROMPT.request("refund")), "it may have been billed"
    assert asker.budget.reserved == 0.0


@PROVIDERS
@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_one_message_without_the_key(provider: str, status: int, make: Make, upstream: Upstream) -> None:
    key = KEYS[{"cohere": "CO_API_KEY"}.get(provider, f"{provider.upper()}_API_KEY")]
    upstream.script.extend(error(provider, status, f"Incorrect API key provided: {key}") for _ in range(40))
    asker = make(provider)
    with pytest.raises(ModelReferenceError) as raised:
        asker.ask([PROMPT.request(str(i)) for i in range(20)])
    told = f"{raised.value} {raised.value!r} {raised.value.__cause__} {asker!r} {vars(asker)} {asker.client!r}"
    assert key not in told
    assert key[:12] not in told
    assert "_API_KEY" in str(raised.value)
    assert len(upstream.seen) < 20


@PROVIDERS
def test_an_unknown_model(provider: str, make: Make, upstream: Upstream) -> None:
    upstream.script.append(error(provider, 404, "model gpt-4000 not found"))
    with pytest.raises(ModelReferenceError, match="knows no model"):
        make(provider).ask([PROMPT.request("x")])


@PROVIDERS
def test_quota_that_is_used_up(provider: str, make: Make, upstream: Upstream) -> None:
    more = {"openai": {"code": "insufficient_quota", "kind": "insufficient_quota"}}.get(provider, {})
    status = 400 if provider == "anthropic" else 402 if provider == "cohere" else 429
    said = (
        "Your credit balance is too low"
        if provider == "anthropic"
        else "You exceeded your current quota, check billing"
    )
    upstream.script.append(error(provider, status, said, **more))
    with pytest.raises(LimitReached, match="quota or the money"):
        make(provider).ask([PROMPT.request("x")])


@PROVIDERS
def test_content_that_is_refused_is_a_marked_row(provider: str, make: Make, upstream: Upstream) -> None:
    upstream.script.append(error(provider, 400, "blocked by our content policy: safety"))
    replies = make(provider).ask([PROMPT.request("bad"), PROMPT.request("refund")])
    assert sorted(r.error is None for r in replies) == [False, True]
    marked = next(r for r in replies if r.error)
    assert "refused the content" in str(marked.error)
    assert marked.final


@PROVIDERS
def test_a_prompt_that_is_too_long_is_a_marked_row(provider: str, make: Make, upstream: Upstream) -> None:
    said = {
        "openai": "This model's maximum context length is 128000 tokens",
        "gemini": "The input token count exceeds the maximum",
    }
    upstream.script.append(error(provider, 400, said.get(provider, "prompt is too long: 208310 tokens")))
    (reply,) = make(provider).ask([PROMPT.request("x")])
    assert "longer than the model's context" in str(reply.error)


@PROVIDERS
def test_an_answer_cut_at_the_token_limit(provider: str, make: Make, upstream: Upstream) -> None:
    upstream.script.append(Step(text='{"label": "ref', ended="length"))
    (answer,) = RemoteModel(make(provider), PROMPT).answer(["x"])
    assert "cut at the token limit" in str(answer.error)
    assert answer.usage is not None
    assert answer.usage.cost_usd, "it was paid for"


@PROVIDERS
def test_the_model_refuses(provider: str, make: Make, upstream: Upstream) -> None:
    upstream.script.append(Step(text="", ended="content_filter"))
    (answer,) = RemoteModel(make(provider), PROMPT).answer(["x"])
    assert answer.error
    assert answer.value is None


@PROVIDERS
def test_too_many_requests_are_obeyed_and_failures_tried_again(provider: str, make: Make, upstream: Upstream) -> None:
    busy = error(provider, 429, "slow down")
    upstream.script.extend([Step(429, busy.body, {"retry-after": "1"}), error(provider, 503, "overloaded")])
    (reply,) = make(provider).ask([PROMPT.request("refund")])
    assert reply.text == '{"label": "refund"}'
    first, second, third = (seen.at for seen in upstream.seen)
    assert second - first >= 1.0
    assert third - second >= 0.2


@PROVIDERS
@pytest.mark.parametrize("step", [Step(breaks=True), Step(cut_after=30)], ids=["before", "amid its answer"])
def test_a_connection_that_breaks_is_tried_again(provider: str, step: Step, make: Make, upstream: Upstream) -> None:
    upstream.script.append(step)
    asker = make(provider)
    (reply,) = asker.ask([PROMPT.request("refund")])
    assert reply.error is None
    assert asker.budget.spent > 0.0005, "what may have been billed counts as spent"


@PROVIDERS
def test_no_network(provider: str, make: Make, upstream: Upstream) -> None:
    asker = make(provider)
    object.__setattr__(asker.endpoint, "base_url", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(LimitReached, match=r"no connection to 127\.0\.0\.1:9") as raised:
        asker.ask([PROMPT.request("x")])
    assert raised.value.exit_status == 3
    assert asker.budget.spent == 0.0


@pytest.mark.parametrize("provider", ["openai", "anthropic"])  # of the others any-llm does not hand the name on
def test_a_provider_that_answers_for_another_model(provider: str, make: Make, upstream: Upstream) -> None:
    upstream.script.append(Step(model="gpt-3.5-turbo"))
    with pytest.raises(ModelReferenceError, match=r"gpt-3\.5-turbo.*answered"):
        make(provider).ask([PROMPT.request("x")])


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_a_dated_version_is_the_model(provider: str, make: Make, upstream: Upstream) -> None:
    name = MODELS[provider][0].partition(":")[2]
    upstream.script.append(Step(model=f"{name}-2026-08-06"))
    (reply,) = make(provider).ask([PROMPT.request("refund")])
    assert reply.error is None


@PROVIDERS
def test_an_answer_that_is_no_answer(provider: str, make: Make, upstream: Upstream) -> None:
    upstream.script.extend(Step(200, {"surprise": True}) for _ in range(3))
    (reply,) = make(provider).ask([PROMPT.request("x")])
    assert reply.error


@pytest.mark.parametrize(
    "name", ["compatible:mine", "ollama:llama3", "openrouter:openai/gpt-4o", "gigachat:GigaChat-2"]
)
def test_compatible_servers_are_told_the_limit_by_its_old_name(
    name: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all of them know the new one, and a limit that is not heard is money that nobody reserved."""
    for variable in ("OPENROUTER_API_KEY", "GIGACHAT_ACCESS_TOKEN"):
        monkeypatch.setenv(variable, "0123456789")
    with Asker(endpoint(name, upstream.address + "/v1")) as asker:
        asker.ask([PROMPT.request("refund")])
        list(asker.stream(PROMPT.request("refund")))
        refused = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        upstream.script.append(Step(400, wire.openai_error(400, refused, "unsupported_parameter", param="max_tokens")))
        (reply,) = asker.ask([PROMPT.request("parcel")])
    assert reply.error is None
    assert [("max_tokens" in seen.body, "max_completion_tokens" in seen.body) for seen in upstream.seen] == [
        (True, False), (True, False), (True, False), (False, True),
    ]  # fmt: skip
