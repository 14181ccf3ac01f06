"""The data check: what the rows could bear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from sizewise.core.record import CheckRecord, DataCheck, RunRecord
from sizewise.report.table import Cell, Details, Group, Row, Table, label, number
from sizewise.report.visible import redacted, visible
from sizewise.report.words import Words

SHOWN, LONGEST_FOUND = 100, 300
_SPLITS = ("train", "calibrate", "test")
_FACTS = (
    "rows", "left_out", "groups", "exact_duplicates", "near_duplicates", "collapsed_in_train", "conflicting_inputs",
    "empty_inputs", "long_inputs", "repeated_ids", "trained_on_answers", "augmented",
)  # fmt: skip


def found(record: RunRecord | CheckRecord) -> list[str]:
    """What was concluded from the files and not given, in English: columns, template, how answers were read."""
    return [visible(redacted(said), LONGEST_FOUND) for said in record.data_check.found]


def splits(record: RunRecord | CheckRecord, words: Words) -> Table:
    """Rows a split, and what is wrong with them."""
    check = record.data_check
    parts = (check.splits, check.without_reference, check.unusable_rows, check.leaked)
    names = [*_SPLITS, *(name for name in check.splits if name not in _SPLITS)]
    rows = [
        Row(Cell(words.known(f"split.{name}", visible(name))), [number(p.get(name, 0), "count", words) for p in parts])
        for name in names
    ]
    columns = ("split", "rows", "without_reference", "unusable", "leaked")
    return Table(words("data.splits_caption"), [words(f"data.{c}") for c in columns], [Group(rows)])


def facts(record: RunRecord | CheckRecord, words: Words) -> Table:
    """What was counted before any model."""
    check = record.data_check
    rows = [Row(Cell(words(f"data.fact_{fact}")), [number(getattr(check, fact), "count", words)]) for fact in _FACTS]
    rows.append(Row(Cell(words("data.fact_rejected")), [number(sum(check.rejected.values()), "count", words)]))
    return Table(words("data.facts_caption"), [words("data.fact"), words("data.count")], [Group(rows)])


def sentences(record: RunRecord | CheckRecord, words: Words) -> list[str]:
    """How the rows were split, where the labels came from, and how large the classes are."""
    check = record.data_check
    said = [
        words(f"data.split_{check.split_how}"),
        words(f"data.labels_{check.label_source}", n=_count(len(check.labels), words)),
    ]
    if check.untimed and (check.split_how == "time" or check.not_by_time == "unreadable"):
        rows = _count(check.rows - check.augmented, words)
        said.insert(1, words(f"data.untimed_{check.split_how}", n=_count(check.untimed, words), rows=rows))
    elif check.not_by_time == "within_a_day":
        said.insert(1, words("data.within_a_day"))
    if check.carved:
        carved = ", ".join(words.known(f"split.{name}", visible(name)) for name in check.carved)
        said.append(words("data.carved", splits=carved))
    if sizes := sorted(check.class_sizes.values()):
        smallest, middle, largest = (_count(v, words) for v in (sizes[0], median(sizes), sizes[-1]))
        said.append(words("data.class_sizes", smallest=smallest, middle=middle, largest=largest))
    return said


def findings(record: RunRecord | CheckRecord, words: Words) -> list[Details]:
    """The longer lists, each only where there is something to list."""
    check = record.data_check
    counted: dict[str, Iterable[tuple[str, int]]] = {
        "unusable": ((redacted(text[:4_000]), n) for text, n in check.unusable),
        "untaught": check.untaught,
        "rejects": _by_count(check.rejected),
        "unreadable": _by_count(check.unreadable_values),
        "classes": _by_count(check.class_sizes),
        "answers": ((words.known(f"rule.{name}", name), n) for name, n in _by_count(check.answers)),
        "scripts": ((words.known(f"script.{name}", name), n) for name, n in _by_count(check.scripts)),
    }
    lists = [_counted(name, list(pairs), words) for name, pairs in counted.items()]
    return [found for found in (_merges(check, words), *lists) if not found.table.empty]


def _counted(name: str, pairs: list[tuple[str, int]], words: Words) -> Details:
    rows = [Row(label(text), [number(count, "count", words)]) for text, count in pairs[:SHOWN]]
    columns = [words(f"data.{name}_column"), words("data.count")]
    note = words("data.further", n=_count(len(pairs) - SHOWN, words)) if len(pairs) > SHOWN else ""
    summary = words(f"data.{name}_summary", n=_count(len(pairs), words))
    return Details(summary, Table(words(f"data.{name}_caption"), columns, [Group(rows)]), note)


def _merges(check: DataCheck, words: Words) -> Details:
    rows = [
        Row(label(merge.kept), [label(merged), number(count, "count", words)])
        for merge in check.merges
        for merged, count in merge.merged.items()
    ]
    columns = [words("data.merge_kept"), words("data.merge_merged"), words("data.count")]
    note = words("data.further", n=_count(len(rows) - SHOWN, words)) if len(rows) > SHOWN else ""
    summary = words("data.merges_summary", n=_count(len(rows), words))
    return Details(summary, Table(words("data.merges_caption"), columns, [Group(rows[:SHOWN])]), note)


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _count(value: float, words: Words) -> str:
    return words.numbers.count(value)
