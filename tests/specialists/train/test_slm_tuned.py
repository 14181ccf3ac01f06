"""The local model that is tuned: it learns, is resumed to the same result, answers without torch, and refuses clearly."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sizewise.core.errors import InputError, LimitReached, ModelReferenceError, RunError, SizewiseError, TaskError
from sizewise.core.example import Train
from sizewise.core.model import Planned
from sizewise.specialists.train import INSTALL

pytest.importorskip("torch", reason=f"needs the extra `train`: {INSTALL}")

from sizewise.models.listing import open_model
from sizewise.models.local_slm import DEFAULT_SLM, local_slm
from sizewise.specialists import slm_tuned
from sizewise.specialists.folds import folds
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.ladder import load_specialist
from sizewise.specialists.slm_tuned import SlmTunedRecipe, require_licence
from sizewise.specialists.train.checkpoints import NAME as KEPT
from sizewise.specialists.train.decoder.learner import Learner
from sizewise.specialists.train.decoder.lesson import require_distinct
from sizewise.specialists.train.decoder.material import aside, wanted
from sizewise.specialists.tuned.specialist import SlmTuned

from .tiny_models import LABELS, lesson, tiny

HERE = Path(__file__).parent
TEXTS = ["where is my parcel?", "I cannot log in", "money back!", "", "🙂", "x" * 5_000]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "gemma" not in request.node.name:
        monkeypatch.setenv("SIZEWISE_CACHE", str(tmp_path / "cache"))


def recipe(folder: Path, **settings: object) -> SlmTunedRecipe:
    base = SlmTunedRecipe(
        model=f"file:{tiny('chatml', folder).path}",
        epochs=3,
        rate=1e-2,
        batch=8,
        input_tokens=64,
        taught_tokens=48,
        threads=1,
    )
    return replace(base, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("reading", ["head", "tree"])
def test_it_learns_and_answers_the_same_when_loaded(reading: str, tmp_path: Path) -> None:
    heard: list[str] = []
    train = lesson()
    numbers = folds(train, 0)
    fitted = recipe(tmp_path, reading=reading, found=heard.append).validate(train, numbers, {})
    assert fitted.rows is not None
    assert 5 <= len(fitted.rows) == len(fitted.evidence)
    right = fitted.evidence.probabilities.argmax(axis=1) == [LABELS.index(train.targets[row]) for row in fitted.rows]
    assert right.mean() > 0.8
    assert any("llama.cpp gives the answer that torch gave to" in line for line in heard)
    shares = [
        float(line.partition(": epoch ")[2].partition(": ")[2].partition(" %")[0])
        for line in heard
        if ": epoch " in line
    ]
    assert len(shares) == 3
    assert any(f"right on {max(shares):.1f} % of the rows set aside" in line for line in heard), (
        "the best state is kept"
    )
    assert [c.code for c in fitted.circumstances] == ["set_aside"]
    specialist = fitted.specialist
    specialist.save(tmp_path)
    loaded = load_specialist("slm-tuned", tmp_path)
    assert isinstance(loaded, SlmTuned)
    assert loaded.answer(TEXTS) == specialist.answer(TEXTS)
    assert [answer.value for answer in loaded.answer(train.inputs[:3])] == list(LABELS)
    loaded.close()


def test_it_answers_without_torch(tmp_path: Path) -> None:
    specialist = recipe(tmp_path, epochs=1).fit(lesson())
    specialist.save(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom sizewise.specialists.ladder import load_specialist\n"
        "loaded = load_specialist('slm-tuned', Path(sys.argv[1]))\n"
        "print(loaded.answer(['where is my parcel?'])[0].value)\n"
        "assert not {'torch', 'transformers', 'peft'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == specialist.answer(["where is my parcel?"])[0].value


def test_a_lower_rung_is_joined_where_that_helps(tmp_path: Path) -> None:
    train = lesson(150)
    numbers = folds(train, 0)
    below = {"keywords": KeywordsRecipe().validate(train, numbers, {})}
    weak = recipe(tmp_path, epochs=1, rate=1e-5)
    fitted = weak.validate(train, numbers, below)
    specialist = fitted.specialist
    assert isinstance(specialist, SlmTuned)
    assert specialist.lower is not None
    assert specialist.tuning.join.lower > 0
    assert "known" in fitted.evidence.features
    specialist.save(tmp_path)
    loaded = load_specialist("slm-tuned", tmp_path)
    assert loaded.answer(TEXTS) == specialist.answer(TEXTS)
    alone = replace(weak, lower="none").validate(train, numbers, below).specialist
    assert isinstance(alone, SlmTuned)
    assert alone.lower is None


def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    outcomes = []
    for stop in (0, 13):
        folder = tmp_path / str(stop)
        folder.mkdir()
        tiny("chatml", folder)
        command = [sys.executable, str(HERE / "killed_slm.py"), str(folder)]
        if stop:
            killed = subprocess.run([*command, str(stop)], check=False, capture_output=True)
            assert killed.returncode == -9, killed.stderr.decode()
            assert {file.name for file in (folder / "work").iterdir()} == {KEPT, slm_tuned.PLAN}
            assert not (folder / "specialist").exists()
        subprocess.run([*command, "0"], check=True)
        specialist = folder / "specialist"
        outcomes.append([(specialist / name).read_bytes() for name in ("adapter.gguf", "head.safetensors")])
    assert outcomes[0] == outcomes[1]


def test_numbers_that_are_none_end_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"numbers that are none \(NaN or infinite\) at step \d+.*Set rate lower than 1e\+25"
    ):
        recipe(tmp_path, rate=1e25, work=tmp_path / "work").fit(lesson())
    assert not list(tmp_path.rglob("*adapter*"))


def test_labels_that_the_tokeniser_cannot_tell_apart(tmp_path: Path) -> None:
    train = lesson()
    labels = ("a_b", "a-b", "refund")
    targets = tuple(labels[LABELS.index(t)] for t in train.targets)
    plain = replace(train, labels=labels, targets=targets)
    recipe(tmp_path, epochs=1).fit(plain).close()  # a head reads no label
    with pytest.raises(TaskError, match=r"cannot tell the labels 'a' and 'b' apart.*reading = \"head\""):
        require_distinct(("a", "b"), [[1, 2], [1, 2]])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"reading": "aloud"}, TaskError, r"reading = 'aloud': it is one of head, tree"),
        ({"use": "fun"}, TaskError, r"use = 'fun'"),
        ({"batch": 0}, TaskError, r"\[rungs.slm-tuned\] batch = 0 must be at least 1"),
        ({"epochs": 0}, TaskError, "epochs = 0 must be"),
        ({"rank": -4}, TaskError, "rank = -4 must be"),
        ({"threads": -3}, TaskError, "threads = -3 must be"),
        ({"aside": 0.0}, TaskError, r"aside = 0.0 must be between 0.01 and 0.5"),
        ({"soft": 2.0}, TaskError, "soft = 2.0 must be between 0 and 1"),
        ({"seconds": float("nan")}, TaskError, "seconds = nan must be"),
        ({"rate": -1.0}, TaskError, "rate = -1.0 must be"),
        ({"input_tokens": 0}, TaskError, "input_tokens = 0 must be"),
        ({"model": "file:nowhere.gguf"}, ModelReferenceError, "nowhere.gguf"),
    ],
)
def test_what_is_refused_before_anything_starts(
    settings: dict[str, object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        recipe(tmp_path, **settings).fit(lesson())
    with pytest.raises(TaskError, match="at least two labels"):
        recipe(tmp_path).fit(lesson(30))


def test_what_an_llm_wrote_is_learned_from_and_never_set_aside(tmp_path: Path) -> None:
    real, more = lesson(90), lesson(60)
    train = real.joined(replace(more, ids=tuple(f"w{i}" for i in range(60)), groups=tuple(range(100, 160))))
    fitted = recipe(tmp_path, epochs=1).validate(train, folds(train, 0), {})
    assert fitted.rows is not None
    assert 5 <= len(fitted.rows) <= 0.3 * 90
    assert max(fitted.rows) < 90
    (told,) = fitted.circumstances
    assert told.parameters["rows"] == len(fitted.rows)
    fitted.specialist.close()  # type: ignore[attr-defined]


def test_too_little_memory_is_said_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sizewise.models.machine_memory import MachineMemory
    from sizewise.specialists.train import estimates

    monkeypatch.setattr(estimates, "machine_memory", lambda: MachineMemory(300.0, 300.0, "given"))
    with pytest.raises(LimitReached, match=r"needs about [\d,]+ MiB to train .*Set batch or taught_tokens lower"):
        recipe(tmp_path).fit(lesson())


def test_a_licence_that_forbids_what_is_asked() -> None:
    base = replace(local_slm(DEFAULT_SLM), known=open_model("Ministral-8B-Instruct-2410"))
    with pytest.raises(InputError, match=r"Mistral AI Research License: .*https://.*use = \"research\""):
        require_licence(base, "commercial")
    require_licence(base, "research")
    require_licence(local_slm(DEFAULT_SLM), "commercial")  # Gemma's limits, but does not forbid


def test_answers_that_differ_from_torch_are_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sizewise.specialists.train.decoder.learner import Learner

    said = Learner.said
    monkeypatch.setattr(Learner, "said", lambda self, prompts: (said(self, prompts) + 1) % 3)
    with pytest.raises(SizewiseError, match=r"to 0.0 % of \d+ rows only, and 95 % are asked for. Nothing was saved"):
        recipe(tmp_path, epochs=1).fit(lesson())


def test_an_adapter_of_another_base_and_one_that_was_changed(tmp_path: Path) -> None:
    specialist = recipe(tmp_path, epochs=1).fit(lesson())
    specialist.save(tmp_path)
    (tmp_path / "other").mkdir()
    other = tiny("chatml", tmp_path / "other", seed=1)
    tuning = replace(specialist.tuning, model=f"file:{other.path}", sha256=other.sha256)
    with pytest.raises(ModelReferenceError, match="was learned on another base"):
        SlmTuned(tuning, specialist.adapter).answer(TEXTS)
    (tmp_path / "chatml.gguf").write_bytes(other.path.read_bytes())
    changed = load_specialist("slm-tuned", tmp_path)
    with pytest.raises(ModelReferenceError, match="is not the promised file"):
        changed.answer(TEXTS)
    with (tmp_path / "adapter.gguf").open("ab") as file:
        file.write(b"x")
    with pytest.raises(RunError, match="not the adapter that was saved"):
        load_specialist("slm-tuned", tmp_path)


def test_the_plan_tells_time_and_memory(tmp_path: Path) -> None:
    made = recipe(tmp_path)
    assert isinstance(made, Planned)
    seconds, said = made.plan(lesson())
    assert seconds > 0
    assert "30 steps" in said
    assert "MiB" in said


def test_epochs_that_do_not_fit_into_the_seconds_given_are_not_planned(tmp_path: Path) -> None:
    heard: list[str] = []
    hurried = recipe(tmp_path, seconds=1e-6, work=tmp_path / "work", found=heard.append)
    _, said = hurried.plan(lesson())
    assert "1 times over, of 3 that were wanted: more do not fit into the time given" in said
    first = hurried.fit(lesson())
    assert sum("epoch 1 of 1" in line for line in heard) == 1
    assert not any("epoch 2" in line for line in heard)
    again = replace(hurried, seconds=3_600.0).fit(lesson())  # what was decided stands, whatever time a resumed run has
    assert again.answer(TEXTS) == first.answer(TEXTS)


def test_an_epoch_that_would_not_fit_any_more_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(Learner, "timed", lambda learner, rows: 1e-9)  # a plan that hopes for too much
    tuned = recipe(tmp_path, seconds=1e-3, found=heard.append).fit(lesson())
    assert any("epoch 1 of 3" in line for line in heard)
    assert not any("epoch 2 of 3" in line for line in heard)
    assert tuned.answer(TEXTS)[0].value in LABELS


def test_what_a_row_is_to_get() -> None:
    train = Train(
        ("1", "2", "3"),
        ("x", "y", "z"),
        ("a", "b", "a"),
        (0, 1, 2),
        ("a", "b"),
        ("b", None, "a"),
        ({"a": 0.6, "b": 0.4}, None, None),
    )
    made, taught = wanted(train, 0.5, "reference")
    np.testing.assert_allclose(made, np.array([[0.8, 0.2], [0, 1], [1, 0]]))
    assert taught.all()
    np.testing.assert_allclose(wanted(train, 0.0, "halves")[0], np.array([[0.5, 0.5], [0, 1], [1, 0]]))
    assert wanted(train, 0.5, "drop")[1].tolist() == [False, True, True]


def test_near_duplicates_are_set_aside_together() -> None:
    groups = [row // 3 for row in range(300)]
    held = aside(groups, 0.12, 1_000, seed=0)
    assert 25 <= held.sum() <= 36
    assert all(len({held[row], held[row - row % 3]}) == 1 for row in range(300))
    assert aside(groups, 0.5, 30, seed=0).sum() <= 30


def test_reasons_are_a_second_task(tmp_path: Path) -> None:
    train = lesson()
    why = tuple(f"because it says {text.split()[0]}" for text in train.inputs)
    fitted = recipe(tmp_path, epochs=2).fit(replace(train, rationales=why))
    without = recipe(tmp_path, epochs=2).fit(train)
    assert fitted.tuning.adapter_sha256 != without.tuning.adapter_sha256
    assert fitted.answer(train.inputs[:1])[0].value == train.targets[0]


def test_gemma_270m_learns_in_a_few_steps() -> None:
    """The real base: eight steps on two labels, its adapter put on the quantised model by llama.cpp."""
    train = lesson(120)
    specialist = SlmTunedRecipe(epochs=2, batch=32, rate=1e-3, threads=1, taught_tokens=32).fit(train)
    said = specialist.answer(["where is the parcel?", "log in does not work", "I want my money back"])
    assert [answer.value for answer in said] == ["delivery", "login", "refund"]
    specialist.close()
