"""``sizewise models``: the catalogue of small and large models, and which of them run on this machine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sizewise.cli.options import Lang, Language
from sizewise.core.errors import TaskError

if TYPE_CHECKING:
    from sizewise.models.machine_memory import MachineMemory
    from sizewise.models.selection import Selection


class KindOption(StrEnum):
    """Kinds of model."""

    encoder = "encoder"
    slm = "slm"
    llm = "llm"


def models(
    name: Annotated[str | None, typer.Argument(help="One model: every fact, its terms and its sources.")] = None,
    fits: Annotated[bool, typer.Option("--fits", help="Which models run in the memory that is free here.")] = False,
    memory_mb: Annotated[
        float | None, typer.Option("--memory-mb", min=1, help="MiB of free memory, instead of this machine's.")
    ] = None,
    context: Annotated[int, typer.Option(min=1, help="Tokens of context that memory is estimated for.")] = 4_096,
    kind: Annotated[KindOption | None, typer.Option(help="Only models of this kind.")] = None,
    family: Annotated[str | None, typer.Option(help="Only this family: Gemma, Phi, Llama, GPT …")] = None,
    licence: Annotated[str | None, typer.Option(help="Only under this licence or these terms: mit, gemma …")] = None,
    json: Annotated[bool, typer.Option("--json", help="As data, with every source.")] = False,
    lang: Lang = Language.en,
) -> None:
    """List the models that are known, with prices, licences and memory, each fact dated and sourced."""
    import msgspec

    from sizewise.models.listing import listing
    from sizewise.models.machine_memory import MachineMemory, machine_memory
    from sizewise.models.selection import Wanted, as_data, select

    selection = select(listing(), Wanted(name, kind.value if kind else None, family, licence))
    if not selection.models and not selection.llms:
        raise TaskError("no model of the catalogue is meant by that; `sizewise models` lists them all.")
    if (fits or memory_mb) and not selection.models:
        raise TaskError("models behind an API need no memory here: leave out --fits and --memory-mb.")
    machine = MachineMemory(memory_mb, None, "given") if memory_mb else machine_memory() if fits else None
    if json:
        data = as_data(selection, listing(), context, machine)
        typer.echo(msgspec.json.format(msgspec.json.encode(data), indent=1))
        return
    for line in _lines(selection, machine, context, name is not None, lang):
        typer.echo(line)


def _lines(
    selection: Selection, machine: MachineMemory | None, context: int, one: bool, lang: Language
) -> Iterator[str]:
    from sizewise.models.fit import fits
    from sizewise.models.listing import listing
    from sizewise.report.model_detail import detail
    from sizewise.report.model_list import fitting, tables
    from sizewise.report.words import Words

    words, today = Words(lang.value), dt.date.today()
    if machine is not None:
        yield from fitting(fits(selection.models, machine.available_mib, context), machine, context, words)
    elif one:
        for small in selection.models:
            yield from detail(small, listing(), today, context, words)
        for large in selection.llms:
            yield from detail(large, listing(), today, context, words)
    else:
        yield from tables(selection, listing(), context, today, words)
