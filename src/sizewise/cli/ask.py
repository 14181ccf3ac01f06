"""``sizewise ask``: try any model by hand, with its time, tokens and cost."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from sizewise.cli.options import BaseUrl, GivenPrice

if TYPE_CHECKING:
    from sizewise.llm.request import Reply

LONGEST_PROMPT = 4 << 20  # bytes of standard input


def ask(
    model: Annotated[str, typer.Argument(help="openai:gpt-4o, anthropic:…, or a local one: file:…, hf:…, pypi:….")],
    prompt: Annotated[str, typer.Argument(help="What to ask, or - for standard input.")] = "-",
    system: Annotated[str | None, typer.Option("--system", help="Instructions that go before the prompt.")] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Tokens that the answer may have.")] = 512,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0, max=2, help="The model's own by default; 0 for a local one.")
    ] = None,
    base_url: BaseUrl = None,
    price: GivenPrice = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds that the call may take.")] = 120.0,
) -> None:
    """Ask one model one thing: the answer on standard output as it comes, its time, tokens and cost on standard error."""
    from sizewise.cli.terminal_text import plain
    from sizewise.core.errors import LimitReached, TaskError
    from sizewise.llm.request import Reply
    from sizewise.stages.asking import Question, opened

    text = _standard_input() if prompt == "-" else prompt
    if not text.strip():
        raise TaskError("nothing is asked: give a prompt, or send it to standard input.")
    with opened(model, base_url, price, timeout) as voice:
        started, first, last = time.perf_counter(), None, None
        for item in voice.ask(Question(text, system, max_tokens, temperature)):
            if isinstance(item, Reply):
                last = item
                continue
            first = first or time.perf_counter()
            sys.stdout.write(plain(item))
            sys.stdout.flush()
        total = time.perf_counter() - started
        typer.echo()
        typer.echo(plain(_told(voice.name, last, None if first is None else first - started, total)), err=True)
    if last is None or (last.error and not last.text):
        raise LimitReached(f"{model} gave no answer: {last.error if last else 'nothing came'}.")


def _standard_input() -> str:
    from sizewise.core.errors import TaskError

    read = sys.stdin.buffer.read(LONGEST_PROMPT + 1) if hasattr(sys.stdin, "buffer") else b""
    if len(read) > LONGEST_PROMPT:
        raise TaskError(f"the prompt on standard input is longer than {LONGEST_PROMPT:,} bytes.")
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskError(f"the prompt on standard input is not UTF-8: {error.reason} at byte {error.start}.") from None


def _told(name: str, last: Reply | None, first: float | None, total: float) -> str:
    """One line: who answered, when the first piece came, how long it took, tokens, dollars."""
    parts = [name if last is None or not last.model else f"{name} ({last.model})"]
    parts.append(f"{total:.2f} s" + (f", the first piece after {first:.2f} s" if first is not None else ""))
    if last is not None:
        used = last.usage
        if used.prompt_tokens is not None and used.completion_tokens is not None:
            cached = f" ({used.cached_tokens:,} cached)" if used.cached_tokens else ""
            parts.append(f"{used.prompt_tokens:,} tokens in{cached}, {used.completion_tokens:,} out")
            if first is not None and total > first + 0.05 and used.completion_tokens > 1:
                parts.append(f"{used.completion_tokens / (total - first):,.0f} tokens/s")
        parts.append("cost unknown (--price)" if used.cost_usd is None else f"${used.cost_usd:.6f}")
        if last.error:
            parts.append(last.error)
    return " · ".join(parts)
