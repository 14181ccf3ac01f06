"""The catalogue for a terminal: the tables of models and prices, and which models run on a machine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from sizewise.models.fit import MARGIN, Fit
from sizewise.models.known_facts import HostedModel, OpenModel, Price, Rate
from sizewise.models.listing import Listing, price_seen
from sizewise.models.machine_memory import MachineMemory
from sizewise.models.memory_need import OFFERED, MemoryNeed, memory_need
from sizewise.models.selection import Selection
from sizewise.report.visible import stripped
from sizewise.report.words import Words

UNKNOWN = "unknown"
MEGA = 1e6


def tables(selection: Selection, known: Listing, context: int, today: dt.date, words: Words) -> Iterator[str]:
    """The models that were asked for: those that run locally, then those behind APIs."""
    if selection.models:
        yield from small_models(selection.models, context, words)
        yield ""
    if selection.llms:
        yield from large_models(selection.llms, today, words)
        yield rates(known.rates, words)
        yield ""
    yield words("models.more")


def small_models(models: Sequence[OpenModel], context: int, words: Words) -> Iterator[str]:
    """What runs locally: size, context, languages, licence, file and memory at the smallest quantisation."""
    keys = ("model", "parameters", "context", "languages", "licence", "quantisation", "file", "memory")
    rows = [[words(f"models.{key}") for key in keys]]
    for model in models:
        need = memory_need(model, OFFERED[model.kind][-1], context)
        rows.append(
            [
                model.name,
                UNKNOWN if model.parameters == "unknown" else billions(model.parameters.value, words),
                UNKNOWN if model.context == "unknown" else words.numbers.count(model.context.value),
                languages(model, words),
                UNKNOWN if model.licence == "unknown" else model.licence.value,
                UNKNOWN if need is None else need.quantisation,
                UNKNOWN if need is None else _file(need, words),
                UNKNOWN if need is None else memory(need, words),
            ]
        )
    yield words("models.small")
    yield from aligned(rows, words, right=(1, 2))
    yield words("models.estimate", context=words.numbers.count(context))


def large_models(llms: Sequence[HostedModel], today: dt.date, words: Words) -> Iterator[str]:
    """What is called through an API: prices per million tokens, with the day on which each was seen."""
    keys = ("model", "provider", "input", "cached", "output", "batch", "currency", "vat", "context", "seen", "dates")
    rows = [[words(f"models.{key}") for key in keys]]
    for model in llms:
        context = UNKNOWN if model.context == "unknown" else words.numbers.count(model.context.value)
        if model.price == "unknown":
            rows.append([model.name, model.provider, *[UNKNOWN] * 6, context, UNKNOWN, dates(model, words)])
            continue
        price = model.price
        amounts = [amount(price.input, words), _cached(price, words), amount(price.output, words), batch(price, words)]
        read = seen(price_seen(price), today, words)
        row = [
            model.name,
            model.provider,
            *amounts,
            price.currency,
            vat(price, words),
            context,
            read,
            dates(model, words),
        ]
        rows.append(row)
    yield words("models.large")
    yield from aligned(rows, words, right=(2, 3, 4, 5, 8))


def vat(price: Price, words: Words) -> str:
    """Whether the price holds value-added tax."""
    return words(f"models.vat_{'unknown' if price.vat == 'unknown' else price.vat.value}")


def dates(model: HostedModel, words: Words) -> str:
    """The days that matter: the price's first and last, and when the model is switched off."""
    price = None if model.price == "unknown" else model.price
    said = [
        words(f"models.{key}", day=str(day))
        for key, day in (
            ("from_day", price and price.in_force),
            ("to_day", price and price.ends),
            ("off_day", model.retires and model.retires.value),
        )
        if day
    ]
    return "; ".join(said)


def rates(known: Iterable[Rate], words: Words) -> str:
    """The exchange rates on one line, each with its day."""
    said = [f"1 {r.base} = {words.numbers.plain(r.value, 4)} {r.quote} ({r.date})" for r in known]
    return words("models.rates", rates="; ".join(said))


def fitting(fits: Sequence[Fit], machine: MachineMemory, context: int, words: Words) -> Iterator[str]:
    """The machine, what fits on it and how finely, and what the others would need."""
    source = words(f"models.memory_{machine.source.replace(' ', '_').lower()}")
    free, kept = mib(machine.available_mib, words), words.numbers.write(MARGIN, "level")
    yield words("models.machine", free=free, source=source)
    yield words("models.margin", margin=kept, context=words.numbers.count(context))
    fit = [f for f in fits if f.best is not None]
    if fit:
        rows = [[words(f"models.{key}") for key in ("model", "quantisation", "file", "memory", "left")]]
        for entry in fit:
            need = entry.best
            if need is not None:
                left = mib(machine.available_mib - need.mib, words)
                rows.append([entry.model.name, need.quantisation, _file(need, words), memory(need, words), left])
        yield words("models.fit")
        yield from aligned(rows, words)
    yield from _misfits([f for f in fits if f.best is None], words)
    yield words("models.estimate", context=words.numbers.count(context))


def _misfits(fits: Sequence[Fit], words: Words) -> Iterator[str]:
    if not fits:
        return
    rows = [[words(f"models.{key}") for key in ("model", "quantisation", "file", "memory", "missing")]]
    for entry in fits:
        need = entry.least
        if need is None or entry.missing_mib is None:
            rows.append([entry.model.name, *[UNKNOWN] * 4])
        else:
            more = mib(entry.missing_mib, words)
            rows.append([entry.model.name, need.quantisation, _file(need, words), memory(need, words), more])
    yield words("models.misfit")
    yield from aligned(rows, words)


def aligned(rows: Sequence[Sequence[str]], words: Words, right: Sequence[int] = ()) -> Iterator[str]:
    """Columns under their heads, two spaces apart; ``right`` names those that are set flush right."""
    cells = [[words("unknown") if cell == UNKNOWN else stripped(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        parts = [
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(parts)).rstrip()


def billions(parameters: int, words: Words) -> str:
    """Parameters in billions, or in millions below one."""
    if parameters >= 1e9:
        return words("models.billion", n=words.numbers.plain(parameters / 1e9, 1))
    return words("models.million", n=words.numbers.plain(parameters / MEGA, 0))


def languages(model: OpenModel | HostedModel, words: Words) -> str:
    """Up to three languages by code, or how many there are."""
    if model.languages == "unknown":
        return UNKNOWN
    codes = model.languages.value
    return ", ".join(codes) if len(codes) <= 3 else words.numbers.count(len(codes))


def _file(need: MemoryNeed, words: Words) -> str:
    size = words("models.megabytes", n=words.numbers.count(need.file.bytes / MEGA))
    return size if need.file.how == "published" else words("models.about", what=size)


def memory(need: MemoryNeed, words: Words) -> str:
    """MiB, and whether they were measured."""
    said = mib(need.mib, words)
    return words("models.measured", what=said) if need.how == "measured" else words("models.about", what=said)


def mib(value: float, words: Words) -> str:
    """Whole MiB."""
    return words("models.mib", n=words.numbers.count(value))


def amount(value: float, words: Words) -> str:
    """Money per million tokens: two decimals, more where they matter."""
    return words.numbers.plain(value, max(2, len(f"{value:.4g}".partition(".")[2])))


def _cached(price: Price, words: Words) -> str:
    return UNKNOWN if price.cached == "unknown" else amount(price.cached, words)


def batch(price: Price, words: Words) -> str:
    """What batch processing takes off."""
    return UNKNOWN if price.batch_discount == "unknown" else words.numbers.write(-price.batch_discount, "level")


def seen(day: dt.date, today: dt.date, words: Words) -> str:
    """The day, and how long ago it was."""
    return words("models.days_ago", day=day.isoformat(), n=words.numbers.count(max(0, (today - day).days)))
