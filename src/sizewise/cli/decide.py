"""``sizewise decide``: from a log to a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizewise.cli.options import (
    BaseUrl,
    Columns,
    GivenPrice,
    Lang,
    Language,
    Only,
    RawAnswers,
    ReferenceOption,
    Template,
    Texts,
    filters,
    pairs,
)

if TYPE_CHECKING:
    from sizewise.core.task import Task
    from sizewise.data.formats.source import Source
    from sizewise.run import Run


def decide(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="A log (JSON, CSV, Parquet, an export), a traffic store, or a task file (.toml)."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The run's folder; made, or resumed if unfinished.")] = None,
    reference: Annotated[
        ReferenceOption | None, typer.Option(help="What answers are held against; auto by default.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Least share of traffic not answered wrongly; 0.97 by default.")
    ] = None,
    margin: Annotated[float | None, typer.Option(help="Share of traffic by which the LLM may be better; 0.01.")] = None,
    delta: Annotated[float | None, typer.Option(help="Probability with which the guarantee may fail; 0.05.")] = None,
    volume: Annotated[float | None, typer.Option(help="Requests a month; then cost can decide too.")] = None,
    rungs: Annotated[
        str | None,
        typer.Option(help="Rungs to try: majority,keywords,encoder; auto climbs higher where that may pay."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="What the rungs above encoder may take in all; 30 with --rungs auto.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of splits and folds; 0 by default.")] = None,
    columns: Columns = None,
    only: Only = None,
    template: Template = None,
    raw_answers: RawAnswers = False,
    large: Annotated[
        str | None, typer.Option(help="The LLM: provider:model, for its price, and to ask it (--budget).")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0, help="US dollars for asking --large on the test rows, some of them twice; else it is not asked."
        ),
    ] = None,
    base_url: BaseUrl = None,
    price: GivenPrice = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and the expected time; write nothing.")
    ] = False,
    lang: Lang = Language.en,
    texts: Texts = False,
    bundle: Annotated[bool, typer.Option("--bundle", help="Copy the encoder into the specialist's folder.")] = False,
    strict_labels: Annotated[
        bool, typer.Option("--strict-labels", help="Refuse labels spelled in several ways.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print verdict.json instead of the summary.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Make a finished run anew.")] = False,
    portfolio: Annotated[
        bool, typer.Option("--portfolio", help="Each SOURCE is a task of its own; weigh all of them together.")
    ] = False,
) -> None:
    """Find out whether a small model can take over the task, build it, prove it, and write a report."""
    from sizewise import pipeline
    from sizewise.cli.decide_portfolio import decide_all, listed, say
    from sizewise.cli.progress import ConsoleListener
    from sizewise.cli.terminal_text import harmless, plain
    from sizewise.core.errors import TaskError
    from sizewise.data.task_file import with_options
    from sizewise.report.terminal import summary
    from sizewise.stages.large_model import LargeCalls
    from sizewise.stages.sources import resolve

    def set_up(task: Task) -> Task:
        return with_options(
            task,
            {"target": target, "margin": margin, "delta": delta, "volume_per_month": volume},
            reference=reference.value if reference else None,
            rungs=tuple(r.strip() for r in rungs.split(",") if r.strip()) if rungs is not None else None,
            minutes=minutes,
            seed=seed,
            large=large,
            columns=pairs("--columns", columns) or None,
            only=filters(only) or None,
            template=template,
            raw_answers=raw_answers or None,
            strict_labels=strict_labels or None,
        )

    def run_one(task: Task, paths: list[Source], folder: Path) -> Run:
        return pipeline.decide(
            task, paths, folder, listener=listener, language=lang.value, texts=texts, bundle=bundle, force=force,
            large=LargeCalls.of(task, budget, base_url, price),
        )  # fmt: skip

    if portfolio and budget is not None:
        raise TaskError("--budget is for one task: decide the tasks one by one, or leave it out.")
    if portfolio and not dry_run:
        if out is None:
            raise TaskError("decide --portfolio needs --out FOLDER, the folder that holds a run for each task.")
        tasks = listed(sources, out, set_up)
        with ConsoleListener() as listener:
            said = decide_all(tasks, out, run_one, listener, lang.value, force)
        say(said)
        return
    task, paths = resolve(sources)
    task = set_up(task)
    if dry_run:
        from sizewise.cli.plan import plan

        typer.echo(plan(task, paths))
        if calls := LargeCalls.of(task, budget, base_url, price):
            typer.echo(
                plain(f"large       {calls.place.name} would be asked on the test rows, for at most ${calls.budget:g}")
            )
        return
    if out is None:
        raise TaskError("decide needs --out FOLDER, the folder that the run is written to.")
    with ConsoleListener() as listener:
        run = run_one(task, paths, out)
    if as_json:
        typer.echo(harmless((run.folder / "verdict.json").read_text(encoding="utf-8")), nl=False)
    else:
        typer.echo(summary(run.record, lang.value))
        typer.echo(plain(f"\n{run.folder / 'report.html'}\n{run.folder / 'verdict.json'}"))
