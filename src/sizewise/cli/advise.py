"""``sizewise advise``: large or small, before there is any data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizewise.cli.options import Lang, Language

if TYPE_CHECKING:
    from sizewise.advice.costs import Assumptions
    from sizewise.advice.rules import Language as TextLanguage
    from sizewise.advice.rules import Question, Rules


def advise(
    file: Annotated[Path | None, typer.Argument(help="A filled questionnaire (TOML). Without one, it asks.")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="A finished run to hold the advice against.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Write the answers to this file.")] = None,
    template: Annotated[Path | None, typer.Option("--template", help="Write an empty questionnaire and stop.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the page that asks in a browser, offline.")] = None,
    portfolio: Annotated[
        Path | None, typer.Option("--portfolio", help="A file that lists several tasks (TOML); --html writes its page.")
    ] = None,
    ownership: Annotated[
        Path | None,
        typer.Option("--ownership", help="Write the page on the cost of ownership and where the verdict flips."),
    ] = None,
    large: Annotated[
        str | None, typer.Option("--large", help="The LLM whose price counts; see `sizewise models --kind llm`.")
    ] = None,
    months: Annotated[int, typer.Option("--months", help="With --ownership: over how many months.")] = 24,
    machine: Annotated[
        str, typer.Option("--machine", help="With --ownership: rented, bought, or there already.")
    ] = "rented",
    cached_share: Annotated[
        float, typer.Option("--cached-share", help="With --ownership: share of input tokens that a cache serves.")
    ] = 0.0,
    batch_share: Annotated[
        float, typer.Option("--batch-share", help="With --ownership: share of requests sent in batches.")
    ] = 0.0,
    rules_file: Annotated[
        Path | None, typer.Option("--rules", help="Rules of your own instead of advice.toml.")
    ] = None,
    assumptions: Annotated[
        Path | None, typer.Option("--assumptions", help="Assumptions of your own about money.")
    ] = None,
    currency: Annotated[str, typer.Option("--currency", help="USD, EUR or RUB; rates are in the assumptions.")] = "USD",
    lang: Lang = Language.en,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Advise on a large or a small model by what is known of the task, and say how sure that is."""
    import msgspec

    from sizewise.advice.costs import read_assumptions
    from sizewise.advice.ownership_case import with_llm
    from sizewise.advice.ownership_view import Terms, ownership_page, ownership_summary
    from sizewise.advice.ownership_view import ownership as owning
    from sizewise.advice.page import page
    from sizewise.advice.questionnaire import read_answers, written
    from sizewise.advice.rules import read_rules
    from sizewise.advice.summary import advise as weigh
    from sizewise.advice.summary import as_data, summary
    from sizewise.run import Run
    from sizewise.store.disk import write_whole

    language: TextLanguage = "ru" if lang is Language.ru else "en"
    rules, assumed = read_rules(rules_file), read_assumptions(assumptions)
    if large is not None:
        assumed = with_llm(assumed, large)
    if template is not None:
        write_whole(template, written({}, rules))
        typer.echo(template)
        return
    if portfolio is not None:
        _portfolio(portfolio, html, rules, assumed, language, as_json, currency)
        return
    answers = read_answers(file, rules) if file else {}
    if html is not None:
        write_whole(html, page(rules, assumed, lang.value, answers, currency))
        typer.echo(html)
        return
    decision = Run.open(run).verdict.decision if run else None
    if file is None:
        answers = _ask(rules, language)
    terms = Terms(months, machine, cached_share, batch_share)  # type: ignore[arg-type]
    owned = owning(answers, assumed, currency, large, terms) if ownership is not None or large is not None else None
    if ownership is not None and owned is not None:
        write_whole(ownership, ownership_page(owned, language))
    if save is not None:
        write_whole(save, written(answers, rules))
    advised = weigh(answers, rules, assumed, currency)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(as_data(advised, decision)), indent=1))
    else:
        typer.echo(summary(advised, language, decision))
        if owned is not None:
            typer.echo("\n" + ownership_summary(owned, language))


def _portfolio(
    file: Path, html: Path | None, rules: Rules, assumed: Assumptions, lang: TextLanguage, as_json: bool, currency: str
) -> None:
    """Several tasks: a summary or JSON on the terminal, and a page where one is asked for."""
    import msgspec

    from sizewise.advice.portfolio import portfolio, read_portfolio
    from sizewise.advice.portfolio_view import portfolio_page, portfolio_summary
    from sizewise.store.disk import write_whole

    shown = assumed.currency(currency)
    found = portfolio(read_portfolio(file, rules, assumed), assumed)
    if html is not None:
        write_whole(html, portfolio_page(found, assumed, lang, shown))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=1))
    else:
        typer.echo(portfolio_summary(found, assumed, lang, shown))
        if html is not None:
            typer.echo(html)


def _ask(rules: Rules, lang: TextLanguage) -> dict[str, str | float]:
    """Every question in turn, from standard input; its end, or q, leaves the rest unknown."""
    from sizewise.advice.words import say

    answers: dict[str, str | float] = {}
    for number, question in enumerate(rules.questions, 1):
        typer.echo(f"\n{number}/{len(rules.questions)}  {question.text[lang]}", err=True)
        for index, option in enumerate(question.options, 1):
            typer.echo(f"  {index}  {option.text[lang]}", err=True)
        while True:
            typer.echo(say("press", lang), nl=False, err=True)
            line = sys.stdin.readline()
            if not line or line.strip().casefold() == "q":
                typer.echo("", err=True)
                return answers
            if not line.strip():
                break
            value = _value(question, line.strip())
            if value is not None:
                answers[question.id] = value
                break
            typer.echo(say("not_an_answer", lang), err=True)
    return answers


def _value(question: Question, typed: str) -> str | float | None:
    """The answer that was typed: an option's number or its id, or a number; ``None`` where it is none of them."""
    from sizewise.advice.questionnaire import checked_answers
    from sizewise.advice.rules import Borders, Rules
    from sizewise.core.errors import TaskError

    if question.options and typed.isdecimal():
        index = int(typed) - 1
        return question.options[index].id if 0 <= index < len(question.options) else None
    alone = Rules("", Borders(0, 1, 2), {}, (question,), (), ())
    try:
        return checked_answers({question.id: typed}, alone).get(question.id)
    except TaskError:
        return None
