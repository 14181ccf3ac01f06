"""The data check for a terminal: one finding a line, what is not there left out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Literal

from sizewise.core.record import Audit, DataCheck, Found
from sizewise.data.answers import is_sentence
from sizewise.report.visible import stripped
from sizewise.report.words import Words

WIDTH = 100
MOST_LANGUAGES = 6


def summary(check: DataCheck, audit: Audit | None, language: Literal["en", "ru"] = "en") -> str:
    """Size and split, then what was found, then what is doubtful about the labels."""
    words = Words(language)
    lines = [*basics(check, words), *findings(check, words), *doubts(audit, words)]
    return "\n".join(
        part for line in lines for part in textwrap.wrap(stripped(line, 2_000), WIDTH, subsequent_indent="  ")
    )


def basics(check: DataCheck, words: Words) -> Iterator[str]:
    """How much there is, how it is divided, and into how many labels."""
    count = words.numbers.count
    rejected = count(sum(check.rejected.values()))
    yield words("check.rows", rows=count(check.rows), rejected=rejected, groups=count(check.groups))
    yield words(
        "check.splits",
        **{name: count(check.splits.get(name, 0)) for name in ("train", "calibrate", "test")},
        reference=words(f"check.reference_{check.reference or 'gold'}"),
    )
    if sizes := check.class_sizes.values():
        yield words("check.labels", n=count(len(check.labels)), smallest=count(min(sizes)), largest=count(max(sizes)))


def findings(check: DataCheck, words: Words) -> Iterator[str]:
    """What stands out in the rows, or that nothing does."""
    found = list(_findings(check, words))
    yield from found or [words("check.clean")]
    if check.languages:
        shares = [
            f"{words.known(f'language.{code}', code)} {words.numbers.share(measured.value)}"
            for code, measured in list(check.languages.items())[:MOST_LANGUAGES]
        ]
        n = next(iter(check.languages.values())).n
        yield words("check.languages", shares=", ".join(shares), n=words.numbers.count(n))


def _findings(check: DataCheck, words: Words) -> Iterator[str]:
    count = words.numbers.count
    if check.unreadable_values:
        ordered = sorted(check.unreadable_values.items(), key=lambda item: (-item[1], item[0]))
        yield words("check.unreadable", columns=", ".join(f"{column} {count(n)}" for column, n in ordered))
    if check.exact_duplicates or check.near_duplicates:
        exact, near = count(check.exact_duplicates), count(check.near_duplicates)
        yield words("check.duplicates", exact=exact, near=near)
    counted = {
        "merges": sum(len(merge.merged) for merge in check.merges),
        "unusable": sum(check.unusable_rows.values()),
        "untaught": len(check.untaught),
        "sentences": sum(map(is_sentence, check.labels)),
        "leaks": sum(check.leaked.values()),
    }
    for name, number in counted.items():
        if number:
            yield words(f"check.{name}", n=count(number))
    if (
        (repeats := check.repeats.get("exact") or check.repeats.get("near"))
        and repeats.contradicting
        and repeats.ceiling
    ):
        inputs, contradicting = count(repeats.inputs), count(repeats.contradicting)
        interval = words.numbers.interval(repeats.ceiling, "share")
        ceiling = words.numbers.share(repeats.ceiling.value) + (f" ({interval})" if interval else "")
        yield words("check.repeats", inputs=inputs, contradicting=contradicting, ceiling=ceiling)
    if check.personal:
        yield words("check.personal", kinds=_kinds("personal", check.personal, words))
    if check.oddities:
        yield words("check.oddities", kinds=_kinds("oddities", check.oddities, words))


def _kinds(table: str, found: Mapping[str, Found], words: Words) -> str:
    ordered = sorted(found.items(), key=lambda item: -item[1].rows)
    return ", ".join(f"{words.known(f'{table}.{kind}', kind)} {words.numbers.count(f.rows)}" for kind, f in ordered)


def doubts(audit: Audit | None, words: Words) -> Iterator[str]:
    """How many labels are doubted, and the share of wrong ones."""
    if audit is None:
        yield words("check.not_audited")
        return
    if not audit.judged:
        yield words("audit.not_judged", rung=audit.rung)
        return
    count = words.numbers.count
    key = f"check.suspected_{audit.reference}"
    yield words(key, n=count(audit.suspected), rows=count(audit.rows), rung=audit.rung)
    if audit.wrong:
        interval = words.numbers.interval(audit.wrong, "share")
        share = words.numbers.share(audit.wrong.value) + (
            f" ({interval}; n = {count(audit.wrong.n)})" if interval else ""
        )
        yield words("check.wrong", share=share)
