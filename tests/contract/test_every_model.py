"""The one suite that every ``Model`` passes, ours or a plug-in's."""

from __future__ import annotations

import copy
import importlib.util
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sizewise.cascade.cascade import Cascade
from sizewise.cascade.confidence import fit
from sizewise.core.answer import Answer
from sizewise.core.example import Train
from sizewise.core.model import Model, Specialist
from sizewise.llm.asker import Asker
from sizewise.llm.model import RemoteModel
from sizewise.llm.pace import Limits
from sizewise.llm.prompt import Prompt
from sizewise.llm.providers import endpoint
from sizewise.llm.scripted import wire
from sizewise.llm.scripted.upstream import Step, Upstream
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.slm.local_model import LocalModel
from sizewise.specialists.encoder import EncoderRecipe
from sizewise.specialists.encoder_tuned import EncoderTunedRecipe
from sizewise.specialists.folds import folds
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.ladder import load_specialist
from sizewise.specialists.majority import MajorityRecipe
from sizewise.specialists.slm_prompted import SlmPromptedRecipe
from sizewise.specialists.slm_tuned import SlmTunedRecipe

LABELS = ("доставка", "login", "refund")
TEXTS = {
    "доставка": "где посылка и курьер номер {}",
    "login": "I cannot log in with code {}",
    "refund": "give me my money back for {}",
}
THINGS = ("lamp", "книга", "phone", "чайник", "chair", "ковёр", "shoes")
INPUTS = [
    "где моя посылка?",
    "I cannot log in 🙂",
    "",
    "   \n\t",
    "?!",
    "🙂🙃😀" * 3,
    "я" * 3,
    "Give me MY money BACK",
    "a\x00b\u202e\ufeff",
    "что-то совсем другое, о чём никто не спрашивал",
    "parcel " * 15_000,  # 100 kB
    "я" * 50_000,  # 100 kB without a space
]
SHORT = INPUTS[:10]


def examples(n: int = 90) -> Train:
    targets = tuple(LABELS[i % 3] for i in range(n))
    inputs = tuple(f"{TEXTS[t].format(i)} {THINGS[i % 7]} {THINGS[i // 3 % 7]}" for i, t in enumerate(targets))
    return Train(tuple(map(str, range(n))), inputs, targets, tuple(range(n)), LABELS)


#: a random model that takes milliseconds: what it says is worth nothing, how it says it is what is tested
TINY = Path(tempfile.mkdtemp(prefix="sizewise-contract-")) / "tiny.gguf"


@cache
def tiny() -> Path:
    spec = importlib.util.spec_from_file_location("tiny_gguf", Path(__file__).parents[1] / "slm" / "tiny_gguf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    written: Path = module.write_tiny(TINY, module.FAMILIES["chatml"])
    return written


@cache
def tiny_base() -> str:
    """A BERT of a few thousand numbers; written once, for its folder's name tells nothing of what is in it."""
    spec = importlib.util.spec_from_file_location(
        "tiny_bert", Path(__file__).parents[1] / "specialists" / "train" / "tiny_bert.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reference: str = module.tiny_bert(TINY.parent / "bert", examples().inputs)
    return reference


@cache
def specialist(name: str) -> Specialist:
    """A fitted rung, made once: an encoder takes seconds."""
    return fitted_anew(name)


def fitted_anew(name: str) -> Specialist:
    train = examples()
    if name == "majority":
        return MajorityRecipe().fit(train)
    if name == "slm-prompted":
        model = f"file:{tiny()}"
        return SlmPromptedRecipe(model=model, examples=1, rows=30, input_tokens=64, threads=1).fit(train)
    if name == "slm-tuned":
        settings = {"epochs": 2, "rate": 1e-2, "batch": 8, "input_tokens": 64, "taught_tokens": 48, "threads": 1}
        return SlmTunedRecipe(model=f"file:{tiny()}", **settings).fit(train)  # type: ignore[arg-type]
    if name == "encoder-tuned":
        return EncoderTunedRecipe(encoder=tiny_base(), epochs=2, parts=2, batch=16, rate=1e-3).fit(train)
    return KeywordsRecipe().fit(train) if name == "keywords" else EncoderRecipe().fit(train)


@cache
def cascade() -> Cascade:
    train = examples()
    numbers = folds(train, 0)
    fitted = KeywordsRecipe().validate(train, numbers, {})
    right = np.array([LABELS[i] for i in fitted.evidence.probabilities.argmax(axis=1)]) == np.array(train.targets)
    return Cascade("task", fitted.specialist, fit(fitted.evidence, right, numbers), 0.5, has_large=True)


@cache
def upstream() -> Upstream:
    """A scripted upstream that ends with the process."""
    return Upstream(answer=lambda text: json.dumps({"label": LABELS[len(text) % 3]})).__enter__()


@cache
def remote() -> RemoteModel:
    place = endpoint("compatible:scripted", upstream().address + "/v1")
    return RemoteModel(Asker(place, limits=Limits(timeout=30)), Prompt(labels=LABELS))


@cache
def local() -> LocalModel:
    """A local SLM asked for a label, as ``ask`` opens it; it can read as much as its context holds."""
    engine = Engine.open(f"file:{tiny()}", EngineSettings(context=512, slots=1, threads=1, exact=True))
    return LocalModel(engine, labels=LABELS)


@cache
def plugged() -> Specialist:
    """The plug-in of the guide, fitted."""
    guide = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    module = ModuleType("plugged")
    sys.modules["plugged"] = module
    exec(guide.partition("```python\n")[2].partition("```")[0], vars(module))
    fitted: Specialist = module.NamedRecipe().fit(examples())
    return fitted


MODELS: dict[str, Callable[[], Model]] = {
    "majority": lambda: specialist("majority"),
    "keywords": lambda: specialist("keywords"),
    "encoder": lambda: specialist("encoder"),
    "cascade": cascade,
    "an LLM behind an API": remote,
    "slm-prompted": lambda: specialist("slm-prompted"),
    "a local SLM": local,
    "a plug-in": plugged,
}
TRAINED = [pytest.param(name, marks=pytest.mark.train) for name in ("encoder-tuned", "slm-tuned")]
RUNGS = ["majority", "keywords", "encoder", *TRAINED, "slm-prompted"]


@pytest.fixture(scope="module", params=[*MODELS, *TRAINED])
def model(request: pytest.FixtureRequest) -> Model:
    return MODELS[request.param]() if request.param in MODELS else specialist(request.param)


def same(one: Sequence[Answer], other: Sequence[Answer]) -> None:
    """Equal but for time, and for the last digits of what a batch's shape may change."""
    assert [(a.value, a.route, a.error) for a in one] == [(a.value, a.route, a.error) for a in other]
    for a, b in zip(one, other, strict=True):
        assert (a.confidence is None) == (b.confidence is None)
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)
        assert (a.probabilities or {}) == pytest.approx(b.probabilities or {}, abs=1e-4)


def test_it_is_a_model_with_a_name(model: Model) -> None:
    assert isinstance(model, Model)
    assert model.name


def test_one_answer_an_input(model: Model) -> None:
    answers = model.answer(INPUTS)
    assert len(answers) == len(INPUTS)
    fits = [len(text) < 1_000 or not isinstance(model, LocalModel) for text in INPUTS]
    assert all(type(a) is Answer for a in answers)
    assert [a.error is None and a.value in LABELS for a in answers] == fits
    assert all(fit or (a.value is None and "tokens" in str(a.error)) for a, fit in zip(answers, fits, strict=True))
    assert all(a.confidence is None or 0 <= a.confidence <= 1 for a in answers)
    assert all(a.confidence is not None or a.route is None for a in answers)


def test_an_empty_batch(model: Model) -> None:
    assert model.answer([]) == []
    assert model.answer(()) == []


def test_same_inputs_same_answers(model: Model) -> None:
    before = copy.copy(SHORT)
    same(model.answer(SHORT), model.answer(SHORT))
    assert before == SHORT


def test_order_is_kept(model: Model) -> None:
    same(model.answer(SHORT)[::-1], model.answer(SHORT[::-1]))


def test_an_answer_does_not_depend_on_its_neighbours(model: Model) -> None:
    same(model.answer(INPUTS), [model.answer([text])[0] for text in INPUTS])


def test_repeats_are_answered_alike(model: Model) -> None:
    answers = model.answer([INPUTS[0]] * 5)
    same(answers, [answers[0]] * 5)


def test_any_sequence_will_do(model: Model) -> None:
    same(model.answer(tuple(SHORT)), model.answer(SHORT))


def test_probabilities_are_probabilities(model: Model) -> None:
    for answer in model.answer(SHORT):
        shown = answer.probabilities
        if shown is not None:
            assert sum(shown.values()) == pytest.approx(1)
            assert max(shown, key=lambda label: shown[label]) == answer.value


def test_four_threads_at_once(model: Model) -> None:
    alone = model.answer(SHORT)
    with ThreadPoolExecutor(4) as threads:
        for answers in threads.map(lambda _: model.answer(SHORT), range(12)):
            same(answers, alone)


@pytest.mark.usefixtures("interrupts_heard")
def test_an_interrupt_ends_a_call_within_a_second_and_the_model_goes_on(model: Model) -> None:
    """A model may be done sooner; one that waits for somebody else must not wait on."""
    alone, sent, main = model.answer(SHORT), list[float](), threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        sent.append(time.perf_counter())
        signal.pthread_kill(main, signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    upstream().delay = 5.0
    try:
        with suppress(KeyboardInterrupt):
            timer.start()
            model.answer([f"where is parcel {i}" for i in range(3_000)])
            timer.cancel()
            timer.join()
        ended = time.perf_counter()
    finally:
        upstream().delay = 0.0
    assert not sent or ended - sent[0] < 1.0
    same(model.answer(SHORT), alone)


def test_a_lone_surrogate_is_a_row_not_an_exception() -> None:
    """The cascade is what is served; a reader cleans its log, a caller may not have."""
    answers = cascade().answer(["где посылка", "a\ud800b", "log in"])
    assert len(answers) == 3
    assert answers[0].value == "доставка"


@pytest.mark.parametrize("wrong", [None, 1, 1.5, b"bytes", ["list"], {"input": "x"}])
def test_what_is_no_text_is_an_answer_with_an_error(wrong: object) -> None:
    """The cascade checks its inputs; a bare specialist is only ever handed texts."""
    answers = cascade().answer(["где посылка", wrong, "log in"])  # type: ignore[list-item]
    assert [a.error is None for a in answers] == [True, False, True]
    assert answers[1].value is None
    assert type(wrong).__name__ in str(answers[1].error)


def test_a_failed_input_is_a_row() -> None:
    """An LLM's upstream may refuse one input; the others are answered, and in their order."""
    refused = Step(400, wire.openai_error(400, "blocked by the content policy"))
    upstream().script.extend([refused] * 3)
    answers = remote().answer([f"a failing row {i}" for i in range(12)])
    upstream().script.clear()
    assert sum(a.error is None for a in answers) == 9
    assert all((a.value is None) == (a.error is not None) for a in answers)
    assert all(a.value == LABELS[len(f"a failing row {i}") % 3] for i, a in enumerate(answers) if a.error is None)


def test_an_llm_is_given_what_is_no_text_and_lone_surrogates() -> None:
    answers = remote().answer(["где посылка", None, "a\ud800b"])  # type: ignore[list-item]
    assert [a.error is None for a in answers] == [True, False, True]
    assert "NoneType" in str(answers[1].error)


@pytest.mark.parametrize("name", RUNGS)
def test_a_saved_specialist_answers_the_same(name: str, tmp_path: Path) -> None:
    fitted = specialist(name)
    fitted.save(tmp_path)
    loaded = load_specialist(name, tmp_path)
    assert loaded.name == fitted.name == name
    assert loaded.labels == fitted.labels
    same(loaded.answer(INPUTS), fitted.answer(INPUTS))
    assert {file.suffix for file in tmp_path.rglob("*")} <= {"", ".json", ".safetensors", ".onnx", ".gguf"}


@pytest.mark.parametrize("name", RUNGS)
def test_evidence_has_its_shapes(name: str) -> None:
    fitted = specialist(name)
    for inputs in ([], INPUTS[:1], INPUTS):
        evidence = fitted.evidence(inputs)
        assert len(evidence) == len(inputs)
        assert evidence.probabilities.shape == (len(inputs), 3)
        assert evidence.outlyingness.shape == (len(inputs),)
        assert all(column.shape == (len(inputs),) for column in evidence.features.values())
        assert np.isfinite(evidence.probabilities).all()
        assert np.isfinite(evidence.outlyingness).all()
        assert all(np.isfinite(column).all() for column in evidence.features.values())
        np.testing.assert_allclose(evidence.probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("name", RUNGS)
def test_the_same_examples_give_the_same_specialist(name: str) -> None:
    one, two = specialist(name).evidence(INPUTS), fitted_anew(name).evidence(INPUTS)
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.outlyingness, two.outlyingness)
