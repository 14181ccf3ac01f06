"""What a run may not keep: planted names, numbers and rare words must stand nowhere in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sizewise
from sizewise.run import Run

from .logs import Row, rows, write

#: text → in how many distinct inputs (up to digits and punctuation) it is planted
PLANTED = {
    "Kwyjibowitz Zzyzxovna": 1,
    "zork.quux@flimflamhost.example": 1,
    "4929 7153 8841 6027": 1,
    "Щукинмайерский": 1,
    "brobdingnagworth": 2,
    "хрюмзелькин": 2,
    "snorgleflapp": 1,  # two hundred times verbatim
    "vexillophobe": 1,  # forty times, differing by digits and punctuation alone
}


def planted_rows() -> list[Row]:
    made = rows(500, seed=11)

    def put(index: int, text: str) -> None:
        made[index]["input"] += " " + text

    put(0, "my name is Kwyjibowitz Zzyzxovna")
    put(1, "mail zork.quux@flimflamhost.example")
    put(2, "card 4929 7153 8841 6027")
    put(3, "Щукинмайерский")
    put(4, "brobdingnagworth")
    put(5, "brobdingnagworth")
    put(6, "хрюмзелькин")
    put(7, "хрюмзелькин")
    verbatim = {"input": "refund snorgleflapp please", "answer": "refund"}
    similar = [{"input": f"password vexillophobe {i}{'!' * (i % 5)}", "answer": "password"} for i in range(40)]
    for number, row in enumerate([verbatim] * 200 + similar):
        made.append({"id": f"more-{number}", **row})
    for number, row in enumerate(made):  # everything planted goes where it is learned from
        row["split"] = "train" if number < 20 or number >= 500 else ("train", "train", "calibrate", "test")[number % 4]
    return made


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("private")
    return sizewise.decide(
        write(folder / "log.jsonl", planted_rows()), out=folder / "run", rungs=["majority", "keywords"]
    )


def pieces(text: str) -> Iterator[str]:
    """Every run of four or more letters within the planted words that stands in no other input."""
    rest = " ".join(row["input"] for row in rows(500, seed=11)).casefold()
    rest += " my name is mail card refund please password example outlyingness "  # the last is a field's name
    for word in re.findall(r"\w{4,}", text.casefold()):
        for start in range(len(word) - 3):
            for end in range(start + 4, len(word) + 1):
                if word[start:end] not in rest and not word[start:end].isdigit():
                    yield word[start:end]


def held(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.name, file.read_bytes().decode("utf-8", "replace").casefold()
            if file.suffix == ".json":
                yield file.name, json.dumps(json.loads(file.read_bytes()), ensure_ascii=False).casefold()


def test_something_was_learned_from_the_planted_rows(run: Run) -> None:
    manifest = json.loads((run.folder / "specialist" / "manifest.json").read_bytes())
    assert {"row-0", "row-5"} <= set(manifest["training_ids"])
    assert manifest["rung"] == "keywords"


@pytest.mark.parametrize("text", PLANTED)
def test_the_specialist_holds_no_piece_of_it(run: Run, text: str) -> None:
    for name, content in held(run.folder / "specialist"):
        assert text.casefold() not in content, name
        for piece in pieces(text):
            assert piece not in content, (name, piece)


@pytest.mark.parametrize("text", PLANTED)
def test_no_other_file_of_the_run_holds_it(run: Run, text: str) -> None:
    for name, content in held(run.folder):
        assert text.casefold() not in content, name


@pytest.mark.parametrize(
    "name",
    [
        "predictions.jsonl",
        "verdict.json",
        "measurements.jsonl",
        "data-check.json",
        "report.html",
        "rejects.jsonl",
        "task.toml",
        "state.json",
    ],
)
def test_no_input_text_stands_in(run: Run, name: str) -> None:
    content = (run.folder / name).read_text(encoding="utf-8")
    for row in planted_rows():
        assert row["input"] not in content
        assert json.dumps(row["input"]).strip('"') not in content


def test_digits_are_masked_in_what_was_learned(run: Run) -> None:
    ngrams = (run.folder / "specialist" / "ngrams.json").read_text(encoding="utf-8")
    assert set(re.findall(r"\d", ngrams)) <= {"0"}


def test_every_word_that_was_learned_stands_in_three_distinct_inputs(run: Run) -> None:
    words, _ = json.loads((run.folder / "specialist" / "ngrams.json").read_bytes())
    inputs = {re.sub(r"[\W\d_]+", " ", row["input"].casefold()).strip() for row in planted_rows()}
    for word in words:
        if word.isalpha():
            assert sum(re.search(rf"\b{word}\b", text) is not None for text in inputs) >= 3, word


def test_nothing_is_a_pickle(run: Run) -> None:
    for file in run.folder.rglob("*"):
        if file.is_file():
            start = file.read_bytes()[:2]
            assert not (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"), file
            assert file.suffix in {".json", ".jsonl", ".safetensors", ".html", ".toml"}, file
