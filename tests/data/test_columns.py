"""Columns found by their names: only where one fits, never instead of ours, and always said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sizewise.core.errors import DataError
from sizewise.data.read import read

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("text,label", "input=text, gold=label"),
        ("Prompt,Response,timestamp", "input=Prompt, answer=Response, at=timestamp"),
        ("utterance,intent,input_tokens", "input=utterance, gold=intent, prompt_tokens=input_tokens"),
        ("input,class", "gold=class"),
    ],
)
def test_columns_found_by_name_are_used_and_said(write: Write, names: str, found: str) -> None:
    log = read([write(f"{names}\nwhere is it,5,7\n".replace(",7", ",7" if names.count(",") > 1 else ""), "log.csv")])
    (example,) = log.examples
    assert example.input == "where is it"
    assert "5" in (example.gold, example.answer)
    assert log.found == (f"columns of log.csv taken by their names: {found} (--columns says otherwise)",)


def test_ours_win_and_nothing_is_said(write: Write) -> None:
    log = read([write([{"input": "x", "text": "y", "gold": "a", "label": "b", "answer": "c", "output": "d"}])])
    (example,) = log.examples
    assert (example.input, example.gold, example.answer, log.found) == ("x", "a", "c", ())


@pytest.mark.parametrize(
    ("row", "both", "option"),
    [
        ({"text": "x", "message": "y", "gold": "a"}, "'text' and 'message'", "--columns input=text"),
        ({"input": "x", "label": "a", "category": "b"}, "'label' and 'category'", "--columns gold=label"),
        ({"input": "x", "gold": "b", "timestamp": 1, "created_at": 2}, "'timestamp' and 'created_at'", "at=timestamp"),
    ],
)
def test_of_two_candidates_none_is_chosen(write: Write, row: dict[str, object], both: str, option: str) -> None:
    with pytest.raises(DataError, match=f"both {both}.*{option}"):
        read([write([row])])


def test_options_settle_it_and_a_named_column_is_no_candidate(write: Write) -> None:
    path = write([{"text": "x", "label": "a", "category": "b"}])
    (example,) = read([path], {"gold": "category", "answer": "label"}).examples
    assert (example.input, example.gold, example.answer) == ("x", "b", "a")


def test_a_column_may_lie_in_an_object(write: Write) -> None:
    rows = [{"input": "x", "answer": "a", "meta": {"truth": {"label": t}, "env": e}} for t, e in ("ap", "bq")]
    log = read([write(rows)], {"gold": "meta.truth.label"}, {"meta.env": "p"})
    assert [e.gold for e in log.examples] == ["a"]
    assert log.left_out == 1
    with pytest.raises(DataError, match=r"no column 'meta.none'"):
        read([write(rows)], {"gold": "meta.none"})
