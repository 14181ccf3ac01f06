from __future__ import annotations

import gzip
import json
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.core.errors import DataError
from sizewise.data.formats.json_document import is_document
from sizewise.data.read import Reading, read

Write = Callable[..., Path]
ROWS: list[Any] = [{"input": "где [заказ]?", "answer": 'a\n"}'}, {"input": "x", "answer": "b"}, 5, {"input": 1}]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapper", [None, "data", "observations"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_array_is_read_row_by_row(write: Write, indent: int | None, wrapper: str | None, packed: bool) -> None:
    document = {"object": "list", wrapper: ROWS, "has_more": False} if wrapper else ROWS
    content = ("\ufeff" + json.dumps(document, indent=indent, ensure_ascii=False)).encode()
    log = read([write(gzip.compress(content) if packed else content, "log.json")])
    assert [e.input for e in log.examples] == ["где [заказ]?", "x"]
    assert [e.id for e in log.examples] == ["log.json:1", "log.json:2"]
    assert [(r.line, r.reason) for r in log.rejects] == [
        (3, "not an object but int"),
        (4, "input is not text but int"),
    ]


def test_documents_one_after_another(write: Write) -> None:
    text = "\n".join(json.dumps(row, indent=1) for row in ROWS[:2])
    assert len(read([write(text)]).examples) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[\n{"input": "x", "answer": "a"},\n{"input": "y"', "line 3: .*"),
        ('[\n{"input": "x", "answer": "a"},\n]', "line 3: a value is missing"),
        ('[\n{"input": "x", "answer": "a"}\n{"input": "y"}]', "not JSON at line 3: ',' was expected, not '{'"),
        ('[\n{"input": "x", "input": "y"}]', "names the key 'input' twice"),
        ("[" * 100_000, "none of 1 rows"),
        ("{\n" + '"a":' * 1 + "[" * 100_000, "none of 2 rows"),
    ],
)
def test_a_broken_document_is_refused_with_its_place(write: Write, text: str, says: str) -> None:
    text = text.replace("\n", "\n" + " " * 3)
    with pytest.raises(DataError, match=says):
        read([write(text + " " * (1 << 20), "log.json")])


def test_memory_is_that_of_a_row_not_of_the_file(write: Write) -> None:
    path = write(json.dumps([{"input": "x" * 1_000, "answer": "a"}] * 30_000), "log.json")
    tracemalloc.start()
    assert sum(1 for _ in Reading([path]).rows()) == 30_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12_000_000  # of a file of 31 MB


@pytest.mark.parametrize(
    ("head", "whole", "document"),
    [
        ('{"a": 1}\n{"a": 2}\n', True, False),
        ('{"a": 1}', True, False),
        ('{\n"a": 1}', True, True),
        ("[1]", True, True),
        ('[1]\n{"a": 1}', True, False),
        ('{"a": "cut', False, False),
        ('{\n"a": "cut', False, True),
        ('{"a": "broken\n{"a": 1}', True, False),
        ('[{"a": 1},', False, True),
        ("plain", True, False),
        ('{"object": "list", "data": [{"a": 1}]}', True, True),
        ('{"object": "list", "data": [{"a": 1}', False, True),
        ('{"data": [{"a": 1}]}\n{"data": []}', True, False),
    ],
)
def test_what_is_a_document(head: str, whole: bool, document: bool) -> None:
    assert is_document(head, whole) is document


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda v: st.lists(v, max_size=3), max_leaves=5
)


@given(st.lists(st.dictionaries(st.sampled_from(["input", "answer", "b"]), values, max_size=3) | values), st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_row_of_an_array_is_lost(drawn: list[Any], pretty: bool) -> None:
    drawn = [{"input": "x", "answer": "a"}, *drawn]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.json"
        path.write_text(json.dumps(drawn, indent=1 if pretty else None))
        log = read([path])
    assert len(log.examples) + len(log.rejects) == len(drawn)
