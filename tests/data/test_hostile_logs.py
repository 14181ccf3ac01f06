"""Whatever a file holds, it ends in rows and rejects that add up, or in one clear message: no traceback, no hang."""

from __future__ import annotations

import copy
import gzip
import json
import os
import random
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.core.errors import DataError, InputError
from sizewise.data.answers import map_answers
from sizewise.data.formats import csv_rows, json_document, json_lines, source
from sizewise.data.read import Log, Reading, read

Write = Callable[..., Path]
ROW = {"input": "where is it", "answer": "delivery"}
LINE = json.dumps(ROW).encode() + b"\n"
CHAT = [
    {
        "request": {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": t}]},
        "response": {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": 1}, "created": 5},
    }
    for t in ("one", "two", "three")
]
LANGFUSE = [
    {
        "id": f"{t}", "traceId": "t", "type": "GENERATION", "input": [{"role": "user", "content": t}], "output": "a",
        "usageDetails": {"input": 5}, "startTime": "2026-01-02T03:04:05Z", "endTime": "2026-01-02T03:04:06Z",
    }
    for t in ("one", "two", "three")
]  # fmt: skip
LITELLM = [
    {"messages": [{"role": "user", "content": t}], "response": "a", "spend": 1, "startTime": 5.0, "endTime": 6.0}
    for t in ("one", "two", "three")
]
OTLP = [
    {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "spanId": t, "startTimeUnixNano": "5",
                                "attributes": [
                                    {"key": "gen_ai.input.messages", "value": {"stringValue": t}},
                                    {"key": "gen_ai.output.messages", "value": {"stringValue": "a"}},
                                    {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}},
                                ],
                            }
                        ]
                    }
                ]
            }
        ]
    }
    for t in ("one", "two", "three")
]  # fmt: skip
PLAIN = [ROW | {"id": "x", "split": "train", "latency_ms": 5, "at": "2026-01-01"}] * 3
BATCH = [
    {"custom_id": str(i), "response": {"body": row["response"]}, "body": row["request"]} for i, row in enumerate(CHAT)
]
PARTS = [
    {
        "system": [{"type": "text", "text": "s"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": t}]}],
        "response": {"type": "message", "output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}]},
    }
    for t in ("one", "two", "three")
]  # fmt: skip
TUNING = [
    {"messages": [{"role": "user", "content": t}, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]}
    for t in ("one", "two", "three")
]
EXPORTS: dict[str, list[dict[str, Any]]] = {
    "plain": PLAIN, "chat": CHAT, "parts": PARTS, "tuning": TUNING, "Langfuse": LANGFUSE, "LiteLLM": LITELLM, "OTLP": OTLP, "batch": BATCH,
}  # fmt: skip


def lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def taken(content: bytes, name: str = "log.jsonl") -> Log | None:
    """The log in ``content``; ``None`` where it was refused by one clear message, and nothing else may happen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return map_answers(read([path]))
        except InputError as error:
            said = str(error)
    assert said.strip()
    assert "Traceback" not in said
    return None


def adds_up(log: Log, rows: int) -> None:
    assert len(log.examples) + len(log.rejects) + log.left_out == rows
    for reject in log.rejects:
        assert reject.reason
        reject.raw.encode()


#: what a file holds → how many rows there are in it, or what the message says
NASTY: dict[str, tuple[bytes, str, int | str]] = {
    "UTF-16": (LINE.decode().encode("utf-16"), "log.jsonl", "UTF-16.*iconv"),
    "UTF-16 BE": ("\ufeff".encode("utf-16-be") + LINE.decode().encode("utf-16-be"), "log.jsonl", "UTF-16.*iconv"),
    "UTF-16 without a mark": (LINE.decode().encode("utf-16-le"), "log.jsonl", "not UTF-8 text"),
    "UTF-32": (LINE.decode().encode("utf-32"), "log.csv", "UTF-32.*iconv"),
    "UTF-8 mark": (b"\xef\xbb\xbf" + LINE, "log.jsonl", 1),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbf" + LINE + LINE, "log.jsonl", 2),
    "nothing in the input's column": (
        b'{"input": null, "answer": "a"}\n',
        "log.jsonl",
        "nothing in its column 'input'",
    ),
    "nothing in the column that was found": (b"text,label\n,\n", "log.csv", "is empty|nothing in"),
    "mixed encodings": (LINE + '{"input": "где", "answer": "a"}\n'.encode("cp1251") + LINE, "log.jsonl", 3),
    "Latin-1 in CSV": (b"input,answer\nx,a\ncaf\xe9,b\n", "log.csv", 2),
    "a NUL in the first line": (b'{"input": "a\0b", "answer": "a"}\n' + LINE * 3, "log.jsonl", 4),
    "a NUL in CSV": (b"input,answer\na\0b,c\nx,a\n", "log.csv", 2),
    "nothing but NULs": (b"\0" * 5_000, "log.jsonl", "not UTF-8 text"),
    "lone surrogates": (b'{"input": "a\\ud800b", "answer": "\\udfff"}\n' + LINE, "log.jsonl", 2),
    "encoded surrogates": (LINE + b'{"input": "\xed\xa0\x80", "answer": "a"}\n', "log.jsonl", 2),
    "a line of 10 MB": (LINE + json.dumps({"input": "x" * 10_000_000, "answer": "a"}).encode(), "log.jsonl", 2),
    "a broken line of 10 MB": (LINE + b'{"input": "' + b"x" * 10_000_000 + b"\n" + LINE, "log.jsonl", 3),
    "a cell of 10 MB": (b"input,answer\n" + b"x" * 10_000_000 + b",a\n", "log.csv", 1),
    "deep arrays": (LINE + b"[" * 100_000 + b"]" * 100_000 + b"\n", "log.jsonl", 2),
    "deep objects": (LINE + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n", "log.jsonl", 2),
    "deep at once": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "log.json", "none of 1 rows"),
    "deep in a document": (b'[\n{"input": ' + b"[" * 100_000, "log.json", "not JSON at line 2|none of 2 rows"),
    "a key twice": (LINE + b'{"input": "a", "input": "b", "answer": "c"}\n', "log.jsonl", 2),
    "NaN and infinity": (b'{"input": "x", "answer": NaN, "gold": "a", "latency_ms": Infinity}\n', "log.jsonl", 1),
    "huge numbers": (b'{"input": "x", "answer": "a", "latency_ms": ' + b"9" * 4_000 + b"}\n", "log.jsonl", 1),
    "a number beyond bounds": (LINE + b'{"input": "x", "n": ' + b"9" * 100_000 + b"}\n", "log.jsonl", 2),
    "open quotes": (b'input,answer\n"a,b\n' + b"c,d\n" * 10 + b'"e"f,g\n' + b'"""\n' * 3 + b"h,i\n", "log.csv", 13 + 2),
    "ragged rows": (b"input,answer\na\nb,c,d\ne,f\n,\n\n", "log.csv", 3),
    "1,000 columns": (
        (",".join(["input", "answer", *(f"c{i}" for i in range(998))]) + "\n" + "x," * 999 + "y\n").encode(),
        "log.csv",
        1,
    ),
    "only a header": (b"input,answer\n", "log.csv", "is empty|has no"),
    "an empty file": (b"", "log.jsonl", "is empty"),
    "an empty gzip": (gzip.compress(b""), "log.jsonl.gz", "is empty"),
    "an empty array": (b"[]", "log.json", "is empty"),
    "several members": (gzip.compress(LINE) + gzip.compress(LINE), "log.jsonl.gz", 2),
    "a gzip cut short": (gzip.compress(LINE * 100)[:-12], "log.jsonl.gz", "cut short"),
    "a gzip with rubbish after it": (gzip.compress(LINE) + b"rubbish", "log.jsonl.gz", "cut short"),
    "a damaged gzip": (gzip.compress(os.urandom(2_000))[:500] + b"\0" * 500, "log.jsonl.gz", "cut short|not UTF-8"),
    "a .gz that is none": (LINE, "log.jsonl.gz", 1),
    "gzip in gzip": (gzip.compress(gzip.compress(LINE)), "log.jsonl.gz", "packed with gzip twice"),
    "Parquet by name only": (LINE, "log.parquet", 1),
    "Parquet by its first bytes": (b"PAR1" + b"\xff" * 1_000, "log.parquet", "no Parquet file that can be read"),
    "Parquet with a hostile footer": (b"PAR1" + b"\xff" * 500 + b"\xff\xff\xff\x7fPAR1", "log.parquet", "no Parquet"),
    "a workbook": (b"PK\x03\x04" + b"\0" * 100, "log.xlsx", "save the sheet as CSV"),
    "a database": (b"SQLite format 3\0" + b"\0" * 100, "log.db", "SQLite"),
    "old Mac line ends": (b"input,answer\rx,a\ry,b\r", "log.csv", 2),
    "what a spreadsheet says of its separator": (b"sep=;\r\ntext;label\r\nx;a\r\ny;b\r\n", "log.csv", 2),
    "bars": (b"text|label\nx, y|a\n", "log.csv", 1),
    "formulas": (b'input,answer\n"=HYPERLINK(""http://x"")",a\n@SUM(1),b\n', "log.csv", 2),
    "terminal escapes": (b'{"input": "\\u001b[31mred", "answer": "\\u001b]0;x\\u0007"}\n', "log.jsonl", 1),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_file_ends_in_rows_or_one_message(write: Write, name: str) -> None:
    content, file, expected = NASTY[name]
    path = write(content, file)
    if isinstance(expected, int):
        adds_up(read([path]), expected)
    else:
        with pytest.raises(DataError, match=expected):
            read([path])


def test_marks_of_files_that_were_put_together_are_passed_over(write: Write) -> None:
    marked = b"\xef\xbb\xbf" + LINE
    assert len(read([write(marked * 3 + LINE)]).examples) == 4
    table = b"\xef\xbb\xbf\xef\xbb\xbftext,label\nx,a\n"
    assert [e.gold for e in read([write(table, "log.csv")]).examples] == ["a"]


@pytest.mark.parametrize("row", [b"x" * 60_000_000, b'{"input": "' + b"x" * 60_000_000, b'"' * 60_000_000])
@pytest.mark.parametrize("name", ["log.jsonl.gz", "log.csv.gz", "log.json.gz"])
def test_a_gzip_bomb_takes_the_memory_of_one_row(
    write: Write, monkeypatch: pytest.MonkeyPatch, row: bytes, name: str
) -> None:
    for module in (source, json_lines, csv_rows, json_document):
        monkeypatch.setattr(module, "LONGEST_ROW", 2_000_000)
    start = b"input,answer\nx,a\n" if "csv" in name else b"[" + LINE + b"," if ".json." in name else LINE
    path = write(gzip.compress(start + row, 1), name)
    tracemalloc.start()
    try:
        sum(1 for _ in Reading([path]).rows())
    except DataError as error:
        assert "longer than" in str(error) or "not JSON" in str(error)  # noqa: PT017 - either may happen
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "pipe.jsonl")
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    (tmp_path / "good.jsonl").write_bytes(LINE)
    (tmp_path / "fine.jsonl").symlink_to(tmp_path / "good.jsonl")
    for name, says in {
        "pipe.jsonl": "is a pipe", "link.jsonl": "is a pipe", "loop.jsonl": "cannot read", "gone.jsonl": "no file",
        ".": "is a folder", "/dev/zero": "is a device", "a\0b": "no file name", "x" * 5_000: "cannot read",
    }.items():  # fmt: skip
        with pytest.raises(DataError, match=says):
            read([tmp_path / name])
    assert len(read([tmp_path / "fine.jsonl"]).examples) == 1


@given(st.sampled_from(sorted(EXPORTS)), st.data())
@settings(max_examples=150, deadline=None)
def test_any_value_anywhere_in_an_export(name: str, data: st.DataObject) -> None:
    rows = copy.deepcopy(EXPORTS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        _change(rows[data.draw(st.integers(0, 2))], data)
    log = taken(lines(rows))
    if log is not None:
        adds_up(log, max(3, len(log.examples) + len(log.rejects)) if name == "OTLP" else 3)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["{}", "[[]]", "user", "assistant", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "a"]), inner)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("name", ["parts", "tuning"])
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_value_in_one_row_of_a_chat_costs_that_row_at_most(name: str, data: st.DataObject) -> None:
    """Every place of a chat row; the others are used as they are, unless it has another prompt than they have."""
    odd = copy.deepcopy(EXPORTS[name][0])
    _change(odd, data)
    log = taken(lines([*EXPORTS[name] * 3, odd]))
    if log is None:
        assert odd.get("system") != EXPORTS[name][0].get("system")
        return
    adds_up(log, 10)
    assert len(log.examples) >= 9


def _change(value: Any, data: st.DataObject) -> None:
    """Put something else in some place of a row."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        inner = value[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            value = inner
            continue
        value[key] = data.draw(values)
        return


@given(st.sampled_from(sorted(EXPORTS)), st.booleans(), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_changed_bytes_of_an_export(name: str, document: bool, seed: int) -> None:
    rows, draw = EXPORTS[name], random.Random(seed)
    content = bytearray(json.dumps(rows, indent=1).encode() if document else lines(rows))
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(content))
        match draw.randrange(3):
            case 0:
                content[at] = draw.randrange(256)
            case 1:
                del content[at : at + draw.randrange(30)]
            case _:
                content[at:at] = bytes(draw.choices(b'\n\0"{}[],:\xff\\', k=draw.randrange(5)))
    log = taken(bytes(content), "log.json" if document else "log.jsonl")
    if log is not None and not document and name != "OTLP":
        adds_up(log, sum(bool(line.strip()) for line in bytes(content).split(b"\n")))


@given(st.binary(max_size=300), st.sampled_from(["log", "log.json", "log.csv", "log.parquet", "log.gz"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_bytes_under_any_name(content: bytes, name: str, packed: bool) -> None:
    if content[:4] != b"PAR1":  # that costs a process each time, see test_parquet
        taken(gzip.compress(content) if packed else content, name)
