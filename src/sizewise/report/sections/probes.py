"""What ought not to change an answer: the input's form, and for a model with a prompt, its wording."""

from __future__ import annotations

from collections.abc import Sequence

from sizewise.core.measurement import Measured, ModelProbes, Probe
from sizewise.core.record import RunRecord
from sizewise.report.table import Cell, Group, Row, Table, figure
from sizewise.report.visible import visible
from sizewise.report.words import Words

INPUTS = ("typos", "case", "spaces", "punctuation", "layout", "transliteration")


def probes(record: RunRecord, words: Words) -> list[Table]:
    """A table of the inputs, all models side by side, and one of the wordings for each model that has a prompt."""
    probed = record.measurements.probes
    if not probed:
        return []
    return [_inputs(probed, words), *(_wordings(one, words) for one in probed if one.wordings)]


def sentences(record: RunRecord, words: Words) -> list[str]:
    """What the tables say in short, and that a trained model has no prompt."""
    probed = record.measurements.probes
    told = [words("probes.how", n=words.numbers.count(max(one.rows for one in probed)))] if probed else []
    told += [words("probes.spread", **_spread(one, words)) for one in probed if one.changed_by_wording is not None]
    without = [visible(one.model) for one in probed if one.kind == "trained"]
    if without:
        told.append(words("probes.no_prompt", models=", ".join(without)))
    return told


def _spread(one: ModelProbes, words: Words) -> dict[str, str]:
    write = words.numbers.write
    unknown = words("not_measured")
    right = [probe.accuracy.value for probe in one.wordings if probe.accuracy]
    right += [one.accuracy.value] if one.accuracy else []
    return {
        "model": visible(one.model),
        "mean": _with_interval(one.changed_by_wording, words) if one.changed_by_wording else unknown,
        "any": _with_interval(one.changed_by_any_wording, words) if one.changed_by_any_wording else unknown,
        "k": words.numbers.count(len(one.wordings)),
        "worst": write(min(right), "share") if right else unknown,
        "best": write(max(right), "share") if right else unknown,
        "spread": _with_interval(one.accuracy_spread, words, "points") if one.accuracy_spread else unknown,
    }


def _with_interval(measured: Measured, words: Words, unit: str = "share") -> str:
    between, n = words.numbers.interval(measured, unit), f"n\u00a0=\u00a0{words.numbers.count(measured.n)}"
    return f"{words.numbers.write(measured.value, unit)} ({f'{between}; ' if between else ''}{n})"


def _inputs(probed: Sequence[ModelProbes], words: Words) -> Table:
    groups = []
    for one in probed:
        by_name = {probe.name: probe for probe in one.inputs}
        rows = [_row(by_name[name], words) for name in INPUTS if name in by_name]
        groups.append(Group(rows, visible(one.model)))
    return Table(words("probes.inputs_caption"), _columns(words), [group for group in groups if group.rows])


def _wordings(one: ModelProbes, words: Words) -> Table:
    rows = [
        Row(Cell(words("probes.any")), [figure(one.changed_by_any_wording, "share", words), Cell(""), Cell("")]),
        Row(Cell(words("probes.mean")), [figure(one.changed_by_wording, "share", words), Cell(""), Cell("")]),
    ]
    caption = words("probes.wordings_caption", model=visible(one.model))
    return Table(caption, _columns(words), [Group([_row(probe, words) for probe in one.wordings]), Group(rows)])


def _columns(words: Words) -> list[str]:
    return [words(f"probes.{name}") for name in ("rule", "changed", "accuracy", "before")]


def _row(probe: Probe, words: Words) -> Row:
    measured = [figure(value, "share", words) for value in (probe.changed, probe.accuracy, probe.accuracy_before)]
    own = probe.name.removeprefix("own_")
    if own != probe.name:
        return Row(Cell(words("probes.own", number=own)), measured)
    return Row(Cell(words.known(f"probes.rule_{probe.name}", visible(probe.name))), measured)
