"""Logs that mean harm, or look as if they did. Each is a list of rows, and whether a run can come of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]
MARK = "executed-by-the-report"
SCRIPT = f"<script>document.title='{MARK}'</script><img src=x onerror=\"document.title='{MARK}'\">"
ESCAPES = "\x1b[31mred\x1b]0;owned\x07\x1b[2J\x9b31m"
OVERRIDE = "\u202egnp.exe\u202c\u2066\u2069"
PATHS = ("../../etc/passwd", "con", "NUL", "C:\\Windows\\system32", "file:///etc/passwd", "~/.ssh/id_rsa")
WORDS = ("refund parcel late please", "cannot log in again", "верните деньги сегодня", "ein Paket fehlt noch")


def rows(labels: Sequence[Any], n: int = 130, **more: Any) -> list[Row]:
    """``n`` rows that a model can learn: the words go with the label."""
    draw = random.Random(len(labels))
    made = []
    for i in range(n):
        k = i % len(labels)
        text = f"{WORDS[k % len(WORDS)]} {'abcdefghij'[k % 10] * 4} {draw.randrange(36**5):x} {draw.randrange(36**5):x}"
        made.append({"input": text, "answer": labels[k]} | more)
    return made


def texts(*hostile: str, n: int = 130) -> list[Row]:
    """Rows whose inputs hold the hostile texts."""
    return [row | {"input": f"{row['input']} {hostile[i % len(hostile)]}"} for i, row in enumerate(rows("ab", n))]


def with_column(name: str, *values: Any) -> list[Row]:
    """Rows with one column more."""
    return [row | {name: values[i % len(values)]} for i, row in enumerate(rows(["refund", "delivery"]))]


def identical(text: str) -> list[Row]:
    return [row | {"input": text} for row in rows("ab")]


#: name → rows
LOGS: dict[str, Callable[[], list[Row]]] = {
    "markup in labels": lambda: rows([SCRIPT, "</td></table>" + SCRIPT, "{{ 7*7 }}{% raw %}"]),
    "markup in texts": lambda: texts(SCRIPT, "{{ config }}", "</textarea>"),
    "escapes in labels": lambda: rows([ESCAPES, ESCAPES + "2", "plain"]),
    "escapes in texts": lambda: texts(ESCAPES, "\r\x00\x08"),
    "overrides in labels": lambda: rows([OVERRIDE, "safe" + OVERRIDE, "\u200b", "\ufeff"]),
    "NUL in labels": lambda: rows(["a\x00", "a\x00b", "\x00"]),
    "lone surrogates": lambda: rows(["\ud800", "a\udfff", "\udc00\ud800"]),
    "newlines in labels": lambda: rows(["a\nb", "a\r\nc", "\u2028x", "y\x85"]),
    "paths as labels": lambda: rows(PATHS),
    "labels of 100 KB": lambda: rows(["x" * 100_000, "y" * 100_000]),
    "gold of 100 KB": lambda: [row | {"gold": row["answer"] * 100_000} for row in rows("xy")],
    "empty labels": lambda: rows(["", " ", "a", "b"]),
    "only empty labels": lambda: rows(["", " "]),
    "emoji labels": lambda: rows(["👍", "👎🏽", "👩‍👩‍👧", "🇩🇪"]),
    "Arabic labels": lambda: rows(["شحن", "استرداد", "كلمة\u200dالمرور"]),
    "combining labels": lambda: rows(["e\u0301", "\u00e9", "a" + "\u0300" * 500, "\u0301"]),
    "numbers as labels": lambda: rows([1, 2.5, -1, 1e308]),
    "booleans as labels": lambda: rows([True, False]),
    "not numbers as labels": lambda: rows([float("nan"), float("inf"), 1]),
    "huge numbers as labels": lambda: rows([10**4000, 2, 3]),
    "objects as labels": lambda: rows([{"a": 1}, ["x"], "y"]),
    "lists of answers": lambda: rows([["a", "b"], [], ["b", None], "a", "b"]),
    "labels that differ by case": lambda: rows(["A", "a", "A ", "b", "B", "_b"]),
    "separators alone": lambda: rows(["-", "_", " ", "--", "- -"]),
    "formulas": lambda: rows(["=cmd|'/C calc'!A0", "+1", "@SUM(1)", "-2"]),
    "one label": lambda: rows(["only"]),
    "a label each": lambda: rows([f"label {i}" for i in range(130)]),
    "ten thousand labels": lambda: rows([f"label {i}" for i in range(10_000)], 30_000),
    "equal inputs": lambda: identical("the same"),
    "empty inputs": lambda: identical(""),
    "blank inputs": lambda: identical(" \t\u2003"),
    "one character": lambda: [row | {"input": "ab"[i % 2]} for i, row in enumerate(rows("ab"))],
    "inputs of punctuation": lambda: [row | {"input": "?!" * (i + 1)} for i, row in enumerate(rows("ab"))],
    "one word of a megabyte": lambda: texts("x" * 1_000_000, "y", n=40),
    "ids with newlines": lambda: with_column("id", "a\nb", "\x1b[31m", SCRIPT, "", None, 5, "../x", "a\ud800"),
    "equal ids": lambda: with_column("id", "same"),
    "ids that look repeated": lambda: with_column("id", "a", "a~2", "a", "a~2~2"),
    "our internal names": lambda: with_column("group", 5) + with_column("further_answers", "x"),
    "hostile column names": lambda: [row | {SCRIPT: 1, ESCAPES: 2, "\ud800": 3, "": 4} for row in rows("ab")],
    "hostile slices": lambda: with_column("slice", SCRIPT, ESCAPES, "\ud800", "", "x" * 10_000),
    "hostile model": lambda: with_column("model", SCRIPT + ESCAPES),
    "hostile model surrogate": lambda: with_column("model", "a\ud800b\nc"),
    "year zero": lambda: with_column("at", "0000-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
    "far years": lambda: with_column("at", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
    "seconds as times": lambda: with_column("at", 1e18, -1, 0, float("inf")),
    "mixed zones": lambda: with_column(
        "at", "2024-01-01", "2024-03-01T00:00:00Z", "2024-02-01T00:00:00+05:30", "20240115T101010.5-0330"
    ),
    "not times": lambda: with_column("at", "yesterday", ESCAPES, "", None),
    "absurd splits": lambda: with_column("split", "train", "TEST ", "calibrate", SCRIPT, ESCAPES, 7, ""),
    "all in test": lambda: with_column("split", "test"),
    "all in train": lambda: with_column("split", "train"),
    "absurd numbers": lambda: with_column(
        "latency_ms", -1, 1e308, "NaN", True, [], {}, "12", SCRIPT, 5e-324, 10**400
    ),
    "absurd costs": lambda: with_column("cost_usd", 1e300, 0, 1e308),
    "absurd tokens": lambda: with_column("prompt_tokens", 1e19, 10**30, 2.7, "9" * 300),
}  # fmt: skip
