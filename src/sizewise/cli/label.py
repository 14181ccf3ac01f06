"""``sizewise label``: ask an LLM for the answers that a log lacks, within a budget, resumable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizewise.cli.options import BaseUrl, Columns, GivenPrice, Lang, Language, Only, Template, filters, pairs

if TYPE_CHECKING:
    from sizewise.core.record import RunRecord
    from sizewise.llm.asker import Asker
    from sizewise.llm.prompt import Prompt
    from sizewise.stages.labelling import Estimate, Inputs, Labelled

Concurrency = Annotated[int, typer.Option("--concurrency", min=1, max=1_000, help="Calls at once.")]
PerMinute = Annotated[float | None, typer.Option("--per-minute", min=0.01, help="Calls a minute at most.")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds that one call may take.")]


def label(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="A log, or a task file (.toml) with instructions and labels."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The rows with their answers, as JSON lines.")],
    model: Annotated[str, typer.Option("--model", help="provider:model, for example openai:gpt-4o.")],
    budget: Annotated[
        float, typer.Option("--budget", min=0, help="US dollars that may be spent in all, retries included.")
    ],
    base_url: BaseUrl = None,
    price: GivenPrice = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="The labels: a,b,c; else the task file's or the gold's.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="A JSON schema (file) that answers are held to.")
    ] = None,
    instructions: Annotated[
        str | None, typer.Option("--instructions", help="What is asked for; @FILE reads it from a file.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Tokens an answer may have.")] = None,
    temperature: Annotated[float, typer.Option("--temperature", min=0, max=2, help="0 by default.")] = 0.0,
    concurrency: Concurrency = 8,
    per_minute: PerMinute = None,
    timeout: Timeout = 60.0,
    batch: Annotated[
        bool, typer.Option("--batch", help="Use the provider's batch API: cheaper, within a day.")
    ] = False,
    review: Annotated[
        int, typer.Option("--review", min=0, help="Write so many answered rows as CSV, to check by hand.")
    ] = 0,
    augment: Annotated[
        int, typer.Option("--augment", min=0, help="Have so many new inputs written for rare labels, for train alone.")
    ] = 0,
    run: Annotated[
        Path | None, typer.Option("--for", help="A run: say how many labels are worth buying by its forecast.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cost and the prompt; send nothing.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample to review.")] = 0,
    columns: Columns = None,
    only: Only = None,
    template: Template = None,
    lang: Lang = Language.en,
    force: Annotated[
        bool, typer.Option("--force", help="Write a finished --out anew; nothing is paid for twice.")
    ] = False,
) -> None:
    """Ask an LLM for the answers that a log lacks: shows the cost first, keeps to the budget, goes on where it stopped."""
    from sizewise.cli.progress import ConsoleListener
    from sizewise.core.errors import TaskError
    from sizewise.data.task_file import with_options
    from sizewise.llm.asker import Asker
    from sizewise.llm.batch import batched
    from sizewise.llm.budget import Budget
    from sizewise.llm.pace import Limits
    from sizewise.llm.providers import endpoint
    from sizewise.stages import labelling
    from sizewise.stages.llm_terms import price_of, training_terms
    from sizewise.stages.sources import resolve
    from sizewise.store.run_folder import read_record

    task, paths = resolve(sources)
    task = with_options(
        task, {}, labels=tuple(name.strip() for name in labels.split(",") if name.strip()) if labels else None,
        instructions=_text(instructions), columns=pairs("--columns", columns) or None, only=filters(only) or None,
        template=template,
    )  # fmt: skip
    place = endpoint(model, base_url)
    if task.bar.perimeter == "closed" and not place.is_local:
        raise TaskError(f"the perimeter is closed, so no row may go to {place.host}.")
    if any(out.resolve() == Path(str(path)).resolve() for path in paths):
        raise TaskError(f"--out {out} is the source itself: name another file.")
    money = price_of(place, price)
    source = labelling.read_source(task, paths)
    held = labelling.read_schema(schema) if schema else None
    prompt = labelling.prompt_of(task, source, held, max_tokens, temperature)
    limits = Limits(concurrency=concurrency, per_minute=per_minute, timeout=timeout)
    terms = training_terms(place, lang.value).sentence
    forecast = read_record(run) if run is not None else None
    if dry_run:
        with Asker(place, money, limits=limits) as asker:
            told = labelling.estimate(asker, prompt, source, batch)
            _say(_plan(asker, prompt, source, told, budget, terms))
            _say([*_worth(forecast, told), *_written_plan(asker, prompt, source, augment)])
            _say([*_as_sent(prompt, source), *_as_written(prompt, source, augment), "nothing was sent"])
        return
    job = labelling.job_of(source, place.name, place.base_url, prompt, augment)
    journal = labelling.open_journal(out, job, force)
    try:
        asker = Asker(place, money, budget=Budget(budget, journal.spent), journal=journal, limits=limits)
        with asker, ConsoleListener() as listener:
            told = labelling.estimate(asker, prompt, source, batch)
            _say([*source.found, *_plan(asker, prompt, source, told, budget, terms)], err=True)
            _say([*_worth(forecast, told), *_written_plan(asker, prompt, source, augment)], err=True)
            done = labelling.label(
                asker,
                prompt,
                source,
                out,
                listener=listener,
                review=review,
                seed=seed,
                batched=batched if batch else None,
                augment=augment,
            )
    finally:
        journal.close()
    _say(_result(done, budget))


def _text(given: str | None) -> str | None:
    from sizewise.core.errors import TaskError

    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise TaskError(f"--instructions {given}: cannot read the file: {error}.") from error


def _plan(asker: Asker, prompt: Prompt, source: Inputs, told: Estimate, budget: float, terms: str) -> list[str]:
    """What labelling would take, before anything is sent."""
    price = asker.price
    seen = f", {price.date}" if price.date else ""
    kept = len(source.rows) - told.rows
    lines = [
        f"model       {asker.name} at {asker.endpoint.host}",
        terms,
        f"rows        {len(source.rows):,}: {told.rows:,} to answer ({told.distinct:,} distinct, {told.known:,} of them "
        f"answered before)" + (f", {kept:,} have an answer and stay as they are" if kept else ""),
        f"prompt      {prompt.version}, "
        + (
            f"{len(prompt.labels):,} labels"
            if prompt.labels
            else "free"
            if prompt.schema is None
            else "by a JSON schema"
        ),
        f"tokens      about {told.prompt_tokens:,.0f} of prompt and {told.completion_tokens:,.0f} of answer a row: estimated "
        "from the length of the texts",
        f"price       ${price.prompt:g} and ${price.completion:g} per million tokens ({price.source}{seen})",
        f"cost        about ${told.usd:,.4f} for what is left, at most ${told.most_usd:,.4f}; the budget is ${budget:,.2f}, "
        f"of which ${asker.budget.spent:,.4f} is spent",
    ]
    if asker.journal is not None and asker.journal.doubtful:
        lines.append(
            f"note        {asker.journal.doubtful:,} calls were on their way when the last run ended: their whole cost is "
            "counted as spent, and they are asked again"
        )
    if source.rejected:
        lines.append(
            f"note        {source.rejected:,} rows cannot be read and are left out (`sizewise check` lists them)"
        )
    return lines


def _as_sent(prompt: Prompt, source: Inputs) -> list[str]:
    """The prompt for the first open row, as it will be sent."""
    if not source.open_rows:
        return ["every row has an answer"]
    request = prompt.request(source.rows[source.open_rows[0]]["input"])
    lines = ["", "what is sent for the first row:"]
    for message in request.chat:
        lines += [f"--- {message['role']}", message["content"]]
    told = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "response_format": request.response_format,
    }
    return [*lines, "--- options", json.dumps(told, ensure_ascii=False)]


def _worth(record: RunRecord | None, told: Estimate) -> list[str]:
    from sizewise.stages.worth import worth_buying

    left = told.distinct - told.known
    return [] if record is None else worth_buying(record, told.usd / left if left else 0.0, told.rows)


def _written_plan(asker: Asker, prompt: Prompt, source: Inputs, count: int) -> list[str]:
    """What would be written for rare labels, and what that costs."""
    from sizewise.stages import augmenting, labelling

    if not count:
        return []
    writing, plan, known = labelling.augmenting(prompt, source, count)
    about, most = augmenting.most_cost(asker, writing, plan)
    rare = sorted(plan.counts.items(), key=lambda one: -one[1])
    shown = ", ".join(f"{label} ({n})" for label, n in rare[:5]) + (
        f" and {len(rare) - 5} more" if len(rare) > 5 else ""
    )
    whom = f"for {shown}" if known else "for the labels that turn out rare"
    return [
        f"written     {count:,} new inputs {whom}: {plan.calls:,} calls, about ${about:,.4f}, at most ${most:,.4f} unless many "
        "come back twice; each call shows a few train inputs, personal data masked",
        "            they are rows for train alone (augmented: true), and `decide` keeps them only where they help",
    ]


def _as_written(prompt: Prompt, source: Inputs, count: int) -> list[str]:
    """The first prompt that asks for new inputs, as it will be sent."""
    from sizewise.stages import augmenting, labelling

    if not count:
        return []
    writing, plan, _ = labelling.augmenting(prompt, source, count)
    request = augmenting.first_request(writing, plan)
    lines = ["", "what is sent to have inputs written:"]
    for message in request.chat:
        lines += [f"--- {message['role']}", message["content"]]
    return lines


def _result(done: Labelled, budget: float) -> list[str]:
    lines = [f"{done.out}: {done.answered:,} answers in {done.rows:,} rows; ${done.usd:,.4f} of ${budget:,.2f} spent"]
    lines += [f"  {count:,} rows: {problem}" for problem, count in done.marked.items()]
    if done.unanswered:
        lines.append(
            f"  {done.unanswered:,} rows have no answer; --force asks again for those that failed at the provider"
        )
    if (written := done.written) is not None:
        lines.append(
            f"  {len(written.rows):,} new inputs written for train alone; {written.repeated:,} of {written.came:,} that came back "
            "were like a row that is there and were left out"
        )
    if done.review is not None:
        lines.append(f"{done.review}: rows to check by hand; fill in `gold`")
    return lines


def _say(lines: list[str], err: bool = False) -> None:
    from sizewise.cli.terminal_text import plain

    for line in lines:
        typer.echo(plain(line), err=err)
