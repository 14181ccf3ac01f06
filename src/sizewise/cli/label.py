"""``sizewise label``: ask an LLM for the answers that a log lacks, within a budget, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizewise.cli.options import BaseUrl, Columns, GivenPrice, Lang, Language, Only, Template, filters, names, pairs

if TYPE_CHECKING:
    from sizewise.core.record import RunRecord
    from sizewise.core.task import Task
    from sizewise.data.formats.source import Source
    from sizewise.llm.pace import Limits
    from sizewise.llm.price import Price
    from sizewise.llm.prompt import Prompt
    from sizewise.llm.providers import Endpoint
    from sizewise.stages.labelling import Inputs, Labelled

Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE...", help="A log, or a task file (.toml) with instructions and labels."),
]
Out = Annotated[Path, typer.Option("--out", help="The rows with their answers, as JSON lines.")]
Model = Annotated[str, typer.Option("--model", help="provider:model, for example openai:gpt-4o.")]
Dollars = Annotated[
    float, typer.Option("--budget", min=0, help="US dollars that may be spent in all, retries included.")
]
Labels = Annotated[str | None, typer.Option("--labels", help="The labels: a,b,c; else the task file's or the gold's.")]
Schema = Annotated[Path | None, typer.Option("--schema", help="A JSON schema (file) that answers are held to.")]
Instructions = Annotated[
    str | None, typer.Option("--instructions", help="What is asked for; @FILE reads it from a file.")
]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", min=1, help="Tokens an answer may have.")]
Temperature = Annotated[float, typer.Option("--temperature", min=0, max=2, help="0 by default.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, max=1_000, help="Calls at once.")]
PerMinute = Annotated[float | None, typer.Option("--per-minute", min=0.01, help="Calls a minute at most.")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds that one call may take.")]
Batch = Annotated[bool, typer.Option("--batch", help="Use the provider's batch API: cheaper, within a day.")]
Review = Annotated[int, typer.Option("--review", min=0, help="Write so many answered rows as CSV, to check by hand.")]
Augment = Annotated[
    int, typer.Option("--augment", min=0, help="Have so many new inputs written for rare labels, for train alone.")
]
ForRun = Annotated[
    Path | None, typer.Option("--for", help="A run: say how many labels are worth buying by its forecast.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the cost and the prompt; send nothing.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the sample to review.")]
Force = Annotated[bool, typer.Option("--force", help="Write a finished --out anew; nothing is paid for twice.")]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be labelled, who is asked, what that may take, and what a run promises of it (``forecast``)."""

    source: Inputs
    prompt: Prompt
    place: Endpoint
    price: Price
    limits: Limits
    budget: float
    batch: bool
    augment: int
    terms: str
    forecast: RunRecord | None


def label(
    sources: Sources,
    out: Out,
    model: Model,
    budget: Dollars,
    base_url: BaseUrl = None,
    price: GivenPrice = None,
    labels: Labels = None,
    schema: Schema = None,
    instructions: Instructions = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = 0.0,
    concurrency: Concurrency = 8,
    per_minute: PerMinute = None,
    timeout: Timeout = 60.0,
    batch: Batch = False,
    review: Review = 0,
    augment: Augment = 0,
    run: ForRun = None,
    dry_run: DryRun = False,
    seed: Seed = 0,
    columns: Columns = None,
    only: Only = None,
    template: Template = None,
    lang: Lang = Language.en,
    force: Force = False,
) -> None:
    """Ask an LLM for the answers that a log lacks: shows the cost first, keeps to the budget, goes on where it stopped."""
    from sizewise.data.task_file import with_options
    from sizewise.llm.pace import Limits
    from sizewise.llm.providers import endpoint
    from sizewise.stages import labelling
    from sizewise.stages.llm_terms import price_of, training_terms
    from sizewise.stages.sources import resolve
    from sizewise.store.run_folder import read_record

    task, paths = resolve(sources)
    task = with_options(
        task, {}, labels=names(labels) if labels else None, instructions=_text(instructions),
        columns=pairs("--columns", columns) or None, only=filters(only) or None, template=template,
    )  # fmt: skip
    place = endpoint(model, base_url)
    _refuse_what_must_not_be(task, place, out, paths)
    money = price_of(place, price)
    source = labelling.read_source(task, paths)
    held = labelling.read_schema(schema) if schema else None
    job = Job(
        source=source,
        prompt=labelling.prompt_of(task, source, held, max_tokens, temperature),
        place=place,
        price=money,
        limits=Limits(concurrency=concurrency, per_minute=per_minute, timeout=timeout),
        budget=budget,
        batch=batch,
        augment=augment,
        terms=training_terms(place, lang.value).sentence,
        forecast=read_record(run) if run is not None else None,
    )
    if dry_run:
        _show(job)
    else:
        _say(_result(_carry_out(job, out, review, seed, force), budget))


def _refuse_what_must_not_be(task: Task, place: Endpoint, out: Path, paths: Sequence[Source]) -> None:
    """Raises ``TaskError`` where rows would leave a closed perimeter, or the source would be overwritten."""
    from sizewise.core.errors import TaskError

    if task.bar.perimeter == "closed" and not place.is_local:
        raise TaskError(f"the perimeter is closed, so no row may go to {place.host}.")
    if any(out.resolve() == Path(str(path)).resolve() for path in paths):
        raise TaskError(f"--out {out} is the source itself: name another file.")


def _show(job: Job) -> None:
    """The cost and the prompts, with nothing sent."""
    from sizewise.cli import label_plan
    from sizewise.llm.asker import Asker
    from sizewise.stages import labelling

    with Asker(job.place, job.price, limits=job.limits) as asker:
        told = labelling.estimate(asker, job.prompt, job.source, job.batch)
        _say(label_plan.planned(job, asker, told))
        _say([*label_plan.worth(job, told), *label_plan.written(job, asker)])
        _say([*label_plan.as_sent(job), *label_plan.as_written(job), "nothing was sent"])


def _carry_out(job: Job, out: Path, review: int, seed: int, force: bool) -> Labelled:
    """Say what it costs, then ask, with every answer in the journal beside ``out``."""
    from sizewise.cli import label_plan
    from sizewise.cli.progress import ConsoleListener
    from sizewise.llm.asker import Asker
    from sizewise.llm.batch import batched
    from sizewise.llm.budget import Budget
    from sizewise.stages import labelling

    name = labelling.job_of(job.source, job.place.name, job.place.base_url, job.prompt, job.augment)
    journal = labelling.open_journal(out, name, force)
    try:
        budget = Budget(job.budget, journal.spent)
        asker = Asker(job.place, job.price, budget=budget, journal=journal, limits=job.limits)
        with asker, ConsoleListener() as listener:
            told = labelling.estimate(asker, job.prompt, job.source, job.batch)
            _say([*job.source.found, *label_plan.planned(job, asker, told)], err=True)
            _say([*label_plan.worth(job, told), *label_plan.written(job, asker)], err=True)
            return labelling.label(
                asker,
                job.prompt,
                job.source,
                out,
                listener=listener,
                review=review,
                seed=seed,
                batched=batched if job.batch else None,
                augment=job.augment,
            )
    finally:
        journal.close()


def _text(given: str | None) -> str | None:
    from sizewise.core.errors import TaskError

    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise TaskError(f"--instructions {given}: cannot read the file: {error}.") from error


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
