from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.core.errors import DataError
from sizewise.data.read import Log, read

Write = Callable[..., Path]
GOOD = {"input": "where is my order", "answer": "delivery"}


def reasons(log: Log) -> list[str]:
    return [reject.reason for reject in log.rejects]


def test_every_field_of_the_contract(write: Write) -> None:
    row = {
        "input": " где заказ? 📦 ", "answer": ["delivery", "refund"], "gold": " delivery ", "id": 7, "split": "Valid",
        "at": "2026-01-02T03:04:05Z", "slice": "ru", "model": "m", "latency_ms": "12.5", "prompt_tokens": 10.0,
        "cached_tokens": 0, "completion_tokens": 3, "cost_usd": 0.001, "unknown": {"kept": ["and", "ignored"]},
    }  # fmt: skip
    (example,) = read([write([row])]).examples
    assert example.input == " где заказ? 📦 "
    assert (example.answer, example.further_answers, example.gold) == ("delivery", ("refund",), "delivery")
    assert (example.id, example.split, example.slice, example.model) == ("7", "calibrate", "ru", "m")
    assert (example.latency_ms, example.cost_usd) == (12.5, 0.001)
    assert (example.prompt_tokens, example.cached_tokens, example.completion_tokens) == (10, 0, 3)


def test_gzip_and_byte_order_mark_read_as_the_plain_file(write: Write) -> None:
    plain = ("\ufeff" + json.dumps(GOOD) + "\r\n\r\n  \n" + json.dumps(GOOD)).encode()
    log = read([write(plain)])
    packed = read([write(gzip.compress(plain), "log.jsonl.gz")])
    unnamed = read([write(gzip.compress(plain), "packed.jsonl")])
    assert len(log.examples) == 2
    assert not log.rejects
    assert [e.input for e in packed.examples] == [e.input for e in unnamed.examples] == [e.input for e in log.examples]
    assert [e.id for e in log.examples] == ["log.jsonl:1", "log.jsonl:4"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\r\n", "\ufeff\n"])
def test_csv(write: Write, delimiter: str, start: str) -> None:
    text = start + delimiter.join(["input", "gold", "at"]) + "\r\n"
    text += (
        delimiter.join(['"two\nlines, ""quoted"""', "a", ""])
        + "\r\n\r\n"
        + delimiter.join(["где; заказ"[:3], "b", "x"])
    )
    one, two = read([write(text, "log.csv")]).examples
    assert (one.input, one.gold, one.at) == ('two\nlines, "quoted"', "a", None)
    assert (two.input, two.gold, two.at) == ("где", "b", "x")
    assert one.id == f"log.csv:{1 + start.count(chr(10)) + 1}"


def test_csv_is_known_by_its_last_ending(write: Write) -> None:
    assert len(read([write("input\tgold\nx\ta\n", "log.tsv")]).examples) == 1
    assert len(read([write(gzip.compress(b"input,gold\nx,a\n"), "log.csv.gz")]).examples) == 1
    assert len(read([write([GOOD], "export.csv.jsonl")]).examples) == 1


def test_csv_empty_cells_are_missing_but_an_empty_input_is_an_input(write: Write) -> None:
    (example,) = read([write('input,gold,answer,latency_ms\n"",a,,\n', "log.csv")]).examples
    assert (example.input, example.gold, example.answer, example.latency_ms) == ("", "a", None, None)


def test_csv_rows_that_cannot_be_used_are_kept_with_their_reason(write: Write) -> None:
    text = b'input,gold\nfine,a\none cell\n"x"y,b\ntoo,many,cells\ncaf\xe9,a\nlast,b\n'
    log = read([write(text, "log.csv")])
    assert [e.input for e in log.examples] == ["fine", "last"]
    assert [(r.source, r.line, r.reason.split(":")[0], r.raw) for r in log.rejects] == [
        ("log.csv", 3, "1 cells under 2 columns", "one cell"),
        ("log.csv", 4, "not CSV", '"x"y,b'),
        ("log.csv", 5, "3 cells under 2 columns", "too,many,cells"),
        ("log.csv", 6, "not UTF-8", "caf\\xe9,a"),
    ]


def test_an_open_quote_costs_its_own_line_only(write: Write) -> None:
    rows = "".join(f"text {i},a\n" for i in range(50))
    log = read([write('input,gold\n"open,a\n' + rows + '"shut",b\n"open to the end,b\n' + rows, "log.csv")])
    assert len(log.examples) == 101
    assert [(r.line, r.raw) for r in log.rejects] == [(2, '"open,a'), (54, '"open to the end,b')]
    assert log.examples[-1].id == "log.csv:104"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"input,gold,input\nx,a,y\n", "column 'input' twice"),
        (b'"input"x,gold\nx,a\n', "first line is not CSV"),
        (b"input,\xea\xea\nx,a\n", "not UTF-8"),
    ],
)
def test_a_csv_header_that_cannot_be_trusted_is_refused(write: Write, text: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read([write(text, "log.csv")])


BROKEN: list[tuple[str, str]] = [
    ("{", "not JSON: Expecting property name enclosed in double quotes"),
    ("[1]", "not an object but list"),
    ('"text"', "not an object but str"),
    ("null", "not an object but NoneType"),
    ("{}", "no input"),
    ('{"input": null, "answer": "a"}', "no input"),
    ('{"input": 5, "answer": "a"}', "input is not text but int"),
    ('{"input": ["a"], "answer": "a"}', "input is not text but list"),
    ('{"input": NaN, "answer": "a"}', "input is not text but float"),
    ('{"input": "x", "answer": {"a": 1}}', "answer is not a label but an object"),
    ('{"input": "x", "answer": [["a"]]}', "answer is not a label but a list"),
    ('{"input": "x", "gold": ["a"]}', "gold is not a label but a list"),
    ('{"input": "x", "answer": "a", "split": "later"}', "split is 'later', not train, calibrate or test"),
    ('{"input": "\\ud800", "answer": "a", "id": [1]}', "id is not one value but a list"),
    ("[" * 100_000, "not JSON: nested too deeply"),
    ('{"input": "x", "n": ' + "9" * 5_000 + "}", "not JSON: a whole number of thousands of digits"),
]


@pytest.mark.parametrize(("line", "reason"), BROKEN, ids=range(len(BROKEN)))
def test_rejects_keep_source_line_reason_and_raw(write: Write, line: str, reason: str) -> None:
    log = read([write(json.dumps(GOOD) + "\n\n" + line + "\n" + json.dumps(GOOD))])
    assert len(log.examples) == 2
    (reject,) = log.rejects
    assert (reject.source, reject.line, reject.raw) == ("log.jsonl", 3, line)
    assert reject.reason.startswith(reason)


def test_not_utf_8_line_is_kept_readable(write: Write) -> None:
    log = read([write(json.dumps(GOOD).encode() + b'\n{"input": "\xff", "answer": "a"}\n')])
    assert reasons(log) == ["not UTF-8 at byte 11"]
    assert log.rejects[0].raw == '{"input": "\\xff", "answer": "a"}'


def test_text_that_is_odd_but_text_goes_on(write: Write) -> None:
    rows = [{"input": t, "answer": "a"} for t in ("", "  ", "\x00\x01", "👩‍👩‍👧", "a" * 100_000, "\u202eabc", "\u2028")]
    text = "".join(json.dumps(row) + "\n" for row in rows) + '{"input": "a\\ud800b", "answer": "x\\udfff"}\n'
    log = read([write(text)])
    assert not log.rejects
    assert [e.input for e in log.examples[:-1]] == [row["input"] for row in rows]
    assert (log.examples[-1].input, log.examples[-1].answer) == ("a\ufffdb", "x\ufffd")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", '"a lot"', "true", "[1]", "{}", "1e999", "9" * 400])
def test_numbers_that_are_none_are_dropped_and_counted(write: Write, value: str) -> None:
    line = '{"input": "x", "answer": "a", "latency_ms": %s, "prompt_tokens": %s}' % (value, value)  # noqa: UP031
    log = read([write(line)])
    assert (log.examples[0].latency_ms, log.examples[0].prompt_tokens) == (None, None)
    assert log.unreadable == {"latency_ms": 1, "prompt_tokens": 1}


def test_a_label_that_is_nan_is_missing_and_counted(write: Write) -> None:
    log = read([write('{"input": "x", "answer": "a", "gold": NaN}\n{"input": "x", "answer": [NaN, "b"]}')])
    assert [(e.answer, e.gold) for e in log.examples] == [("a", None), ("b", None)]
    assert log.unreadable == {"gold": 1}


def test_labels_may_be_numbers_and_booleans(write: Write) -> None:
    log = read([write([{"input": "x", "answer": 1, "gold": True}, {"input": "x", "answer": 0.5, "gold": False}])])
    assert [(e.answer, e.gold) for e in log.examples] == [("1", "true"), ("0.5", "false")]


def test_an_empty_answer_is_an_answer_and_an_empty_gold_is_not(write: Write) -> None:
    (example,) = read([write([{"input": "x", "answer": " ", "gold": " "}])]).examples
    assert (example.answer, example.gold) == ("", None)


def test_repeated_ids_are_told_apart_and_counted(write: Write) -> None:
    rows = [GOOD | {"id": i} for i in ("a", "a", "a~2", "a", "b", "")]
    log = read([write(rows)])
    ids = [e.id for e in log.examples]
    assert len(set(ids)) == len(ids)
    assert (ids[0], ids[4], ids[5]) == ("a", "b", "log.jsonl:6")
    assert log.repeated_ids >= 3


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "log.jsonl", "is empty"),
        (b" \n\n", "log.csv", "is empty"),
        (json.dumps(GOOD).encode("utf-16"), "log.jsonl", "not UTF-8 text"),
        (b"input,gold\nx,a\n".decode().encode("utf-16"), "log.csv", "not UTF-8 text"),
        (b"\x89PNG\r\n\x00\x00", "log.jsonl", "not UTF-8 text"),
        (gzip.compress(json.dumps(GOOD).encode() * 50, mtime=0)[:-9], "log.jsonl.gz", "cut short"),
        (b"\x1f\x8b broken", "log.jsonl.gz", "cut short"),
        (b"plain text\nmore of it\n", "log.jsonl", "none of 2 rows can be used.*line 1: not JSON"),
        (b'{"words": "x", "tag": "a"}\n', "log.jsonl", "no column 'input'; it has: words, tag.*--columns"),
        (b"words,tag\nx,a\n", "log.csv", "no column 'input'; it has: words, tag.*--columns"),
        (b'{"input": "x", "tag": "a"}\n', "log.jsonl", "no answer and no gold.*input, tag.*--columns"),
    ],
)
def test_what_cannot_be_used_at_all_is_refused(write: Write, content: bytes, name: str, says: str) -> None:
    path = write(content, name)
    with pytest.raises(DataError, match=says) as refusal:
        read([path])
    assert str(path) in str(refusal.value)


def test_a_missing_file_a_folder_and_a_name_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read([tmp_path / "none.jsonl"])
    with pytest.raises(DataError, match="is a folder"):
        read([tmp_path])
    with pytest.raises(DataError, match="Rename"):
        read([tmp_path / "\udcff.jsonl"])


def test_columns_map_names_and_are_checked(write: Write) -> None:
    path = write([{"text": "x", "label": "a", "answer": "b"}])
    (example,) = read([path], {"input": "text", "gold": "label"}).examples
    assert (example.input, example.gold, example.answer) == ("x", "a", "b")
    with pytest.raises(DataError, match=r"no column 'truth' \(for gold\); it has: text, label, answer"):
        read([path], {"input": "text", "gold": "truth"})
    with pytest.raises(DataError, match=r"no column of ours is called 'inputt'.*input"):
        read([path], {"inputt": "text"})


def test_only_keeps_matching_rows_and_counts_the_rest(write: Write) -> None:
    path = write([GOOD | {"model": "a", "n": 1}, GOOD | {"model": "b", "n": 1}, GOOD | {"model": "a", "n": 2}])
    log = read([path], only={"model": "a", "n": "1"})
    assert (len(log.examples), log.left_out) == (1, 2)
    with pytest.raises(DataError, match="no row matches --only model=c"):
        read([path], only={"model": "c"})


@pytest.mark.parametrize("column", ["model", "task", "prompt_version"])
def test_mixed_logs_are_refused_with_advice_that_works(write: Write, column: str) -> None:
    path = write([GOOD | {"named": v} for v in ("one", "two", "two", "", None)])
    columns = {column: "named"}
    with pytest.raises(DataError, match=rf"mixes 2 values of `{column}`: two \(2 rows\), one.*--only named=two"):
        read([path], columns)
    assert len(read([path], columns, {"named": "two"}).examples) == 2


def test_several_files_are_one_log(write: Write) -> None:
    one, two = write([GOOD], "one.jsonl"), write("\ninput,answer\nx,a\nbroken\n", "two.csv")
    log = read([one, two])
    assert [e.id for e in log.examples] == ["one.jsonl:1", "two.csv:3"]
    assert [(r.source, r.line) for r in log.rejects] == [("two.csv", 4)]
    assert log.sha256 not in (read([one]).sha256, read([two, one]).sha256)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=3))
names = st.sampled_from(["input", "answer", "gold", "id", "split", "latency_ms", "prompt_tokens", "at", "other"])
rows = st.dictionaries(names, values | st.dictionaries(st.text(max_size=2), values, max_size=1), max_size=6)
lines = st.one_of(
    st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"").replace(b"\0", b"")),
    rows.map(lambda row: json.dumps(row).encode()),
    st.just(json.dumps(GOOD).encode()),
)


@given(st.lists(lines, max_size=12))
@settings(max_examples=150, deadline=None)
def test_no_json_line_is_lost_whatever_it_is(drawn: list[bytes]) -> None:
    content = json.dumps(GOOD).encode() + b"\n" + b"\n".join(drawn)
    log = _read(content, "log.jsonl")
    if log is not None:
        every = content.split(b"\n")
        blank = sum(not re.sub(rb"^(\xef\xbb\xbf)+", b"", line).strip() for line in every)  # a mark alone is nothing
        assert len(log.examples) + len(log.rejects) + blank == len(every)
        assert all(reject.raw.encode() for reject in log.rejects)


@given(st.lists(st.text(alphabet='a,"é\r ', max_size=8), max_size=10), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_csv_text_is_lost_whatever_it_is(drawn: list[str], latin: bool) -> None:
    content = "input,gold\nx,a\n" + "\n".join(drawn)
    log = _read(content.encode("latin-1" if latin else "utf-8"), "log.csv")
    assert log is not None
    kept = "".join(e.input + (e.gold or "") for e in log.examples) + "".join(r.raw for r in log.rejects)
    for letter, spelled in (("a", "a"), ("é", "\\xe9" if latin else "é")):
        assert kept.count(spelled) == "".join(drawn).count(letter) + (letter == "a")


def _read(content: bytes, name: str) -> Log | None:
    """What was read, or ``None`` where the file was refused by a clear message; nothing else may happen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return read([path])
        except DataError:
            return None


def test_a_log_is_read_the_same_each_time(log_file: Path, log_rows: list[dict[str, Any]]) -> None:
    log = read([log_file])
    assert log == read([log_file])
    assert [e.input for e in log.examples] == [row["input"] for row in log_rows]


def test_column_names_that_are_no_text_are_made_readable(write: Write) -> None:
    log = read([write('{"input": "x", "answer": "a", "\\udc00": 1}')])
    assert log.columns == ("input", "answer", "\ufffd")


@given(
    st.binary(max_size=200), st.sampled_from(["log.jsonl", "log.csv", "log.tsv", "log.jsonl.gz", "log"]), st.booleans()
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes, name: str, packed: bool) -> None:
    start = b"input,answer\nx,a\n" if name.endswith(("csv", "tsv")) else json.dumps(GOOD).encode() + b"\n"
    content = start + content
    log = _read(gzip.compress(content) if packed else content, name)
    if log is not None:
        assert log.examples[0].input == GOOD["input"] or name.endswith(("csv", "tsv"))
        assert all(reject.reason and reject.raw.encode() is not None for reject in log.rejects)
