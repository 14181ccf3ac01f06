"""The encoder that is tuned: resumed to the same result, refused where it is broken, served without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sizewise.core.errors import InputError, LimitReached, ModelReferenceError, SizewiseError, TaskError
from sizewise.core.model import Planned
from sizewise.models.catalogue import MULTILINGUAL_ENCODER
from sizewise.models.onnx_door import onnx
from sizewise.specialists.train import INSTALL

pytest.importorskip("torch", reason=f"needs the extra `train`: {INSTALL}")

from sizewise.specialists.encoder_specialist import EncoderSpecialist
from sizewise.specialists.encoder_tuned import EncoderTunedRecipe
from sizewise.specialists.folds import folds
from sizewise.specialists.ladder import load_specialist
from sizewise.specialists.sentence_vectors import MODEL, SentenceEncoder
from sizewise.specialists.train import encoder_parts, tuned_graph
from sizewise.specialists.train.bert import BertGraph
from sizewise.specialists.train.estimates import Memory, require_memory
from sizewise.specialists.train.lesson import set_aside
from sizewise.store.arrays import load_arrays

from .killed_tuning import examples
from .tiny_bert import tiny_bert

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "base"
    tiny_bert(folder, examples().inputs)
    return folder


@pytest.fixture
def recipe(base: Path) -> EncoderTunedRecipe:
    return EncoderTunedRecipe(encoder=f"file:{base}", epochs=3, parts=2, batch=8, rate=1e-3)


@pytest.fixture(scope="module")
def specialist(base: Path) -> EncoderSpecialist:
    return EncoderTunedRecipe(encoder=f"file:{base}", epochs=3, parts=2, batch=8, rate=1e-3).fit(examples())


@pytest.mark.parametrize("theirs", [False, True])
def test_torch_computes_what_the_graph_computes(theirs: bool, tmp_path: Path) -> None:
    import torch

    reference = tiny_bert(tmp_path / "m", ["where is my order", "1 2 3"], theirs=theirs)
    (tmp_path / "m" / "config.json").write_text(json.dumps({"num_attention_heads": 4}))
    encoder = SentenceEncoder.from_reference(reference)
    network = BertGraph.of(encoder).network(0.1).eval()
    ids = encoder.tokenizer.encode("where is my 3").ids
    with torch.no_grad():
        ours = network(input_ids=torch.tensor([ids])).last_hidden_state.mean(1).numpy()
    np.testing.assert_allclose(ours, encoder.encode(["where is my 3"])[:, :64], atol=1e-5)


def test_weights_go_back_to_their_places(base: Path, tmp_path: Path) -> None:
    encoder = SentenceEncoder.from_reference(f"file:{base}")
    graph = BertGraph.of(encoder)
    weights = {name: array + np.float32(0.01) for name, array in graph.weights().items()}
    alone = graph.with_weights(weights)
    (tmp_path / "m" / "onnx").mkdir(parents=True)
    (tmp_path / "m" / "onnx" / "model.onnx").write_bytes(alone.SerializeToString())
    shutil.copy(base / "tokenizer.json", tmp_path / "m")
    other = SentenceEncoder.from_reference(f"file:{tmp_path / 'm'}")
    again = BertGraph.of(other).weights()
    assert all(np.array_equal(again[name], array) for name, array in weights.items())
    both = tuned_graph.unrounded(encoder, graph, weights, "")
    texts = ["order", "where is the parcel", ""]
    np.testing.assert_allclose(both.encode(texts)[:, -64:], other.encode(texts)[:, :64], atol=1e-5)
    np.testing.assert_allclose(both.encode(texts)[:, :-64], encoder.encode(texts), atol=1e-5)
    assert both.views == encoder.views + 1


def test_what_both_compute_alike_is_computed_once(base: Path) -> None:
    encoder = SentenceEncoder.from_reference(f"file:{base}")
    graph = BertGraph.of(encoder)
    weights = graph.weights()
    layer = "encoder.layer.1.output.dense.weight"
    joined = tuned_graph.beside(graph.model, graph.with_weights({**weights, layer: weights[layer] + 1}))
    added = len(joined.graph.node) - len(graph.model.graph.node)
    assert added == 4  # the product, its sum, the sum with what went by, and the norm


def test_layers_that_are_not_tuned_are_computed_once(recipe: EncoderTunedRecipe) -> None:
    """Two layers: half of them are one, more than there are is all; the first stays the base's to the last bit."""
    added = {}
    for layers in (0, 1, 99):
        tuned = replace(recipe, layers=layers, epochs=1).fit(examples())
        assert isinstance(tuned.encoder, SentenceEncoder)
        nodes = onnx().load(tuned.encoder.files.paths[MODEL]).graph.node
        own = [node for node in nodes if node.name.startswith(tuned_graph.PREFIX)]
        added[layers] = len(own)
        assert any(node.name.startswith(f"{tuned_graph.PREFIX}/0/") for node in own) == (layers == 99)
    assert 0 < added[0] == added[1] < added[99]


def test_what_is_no_bert_is_refused(tmp_path: Path) -> None:
    from ..tiny_onnx import tiny_encoder

    with pytest.raises(ModelReferenceError, match="no BERT"):
        EncoderTunedRecipe(encoder=tiny_encoder(tmp_path / "m")).fit(examples())


def test_a_graph_that_computes_something_else_is_refused(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "m")
    model = onnx().load(tmp_path / "m" / "onnx" / "model.onnx")
    for node in model.graph.node:
        if node.op_type == "Gelu":
            node.op_type = "Relu"
    (tmp_path / "m" / "onnx" / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelReferenceError, match="something else than a BERT"):
        EncoderTunedRecipe(encoder=f"file:{tmp_path / 'm'}", epochs=1).fit(examples())


@pytest.mark.parametrize("way", ["labels", "both", "pairs", "tried"])
def test_every_way_learns_the_task(way: str, recipe: EncoderTunedRecipe) -> None:
    train = examples()
    fitted = replace(recipe, way=way).validate(train, folds(train, 0), {})
    said = [train.labels[i] for i in fitted.evidence.probabilities.argmax(axis=1)]
    assert np.mean([a == b for a, b in zip(said, train.targets, strict=True)]) > 0.95
    assert fitted.rows is None
    assert fitted.logits.shape == (1, len(train), 2)
    (told,) = [c for c in fitted.circumstances if c.code == "encoder_tuned"]
    assert told.parameters["same"] == 1.0
    assert told.parameters["way"] in ("labels", "both", "pairs")


def test_the_other_reference_gives_a_second_opinion(recipe: EncoderTunedRecipe) -> None:
    train = examples(1_100)
    flipped = [train.labels[1 - train.labels.index(t)] if i % 9 == 0 else t for i, t in enumerate(train.targets)]
    train = replace(train, others=tuple(flipped))
    fitted = replace(recipe, epochs=1).validate(train, folds(train, 0), {})
    assert fitted.evidence.second_opinion is not None
    assert fitted.specialist.evidence(train.inputs[:3]).second_opinion is not None


def run(folder: Path, stop: int) -> int:
    command = [sys.executable, str(HERE / "killed_tuning.py"), str(folder), str(stop)]
    return subprocess.run(command, check=False, capture_output=True, timeout=120).returncode


def test_a_killed_tuning_is_resumed_to_the_same_result(base: Path, tmp_path: Path) -> None:
    """Killed in the middle of an epoch, in a later one, and in the second part, and started again each time."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        shutil.copytree(base, folder / "base")
    assert run(whole, 0) == 0
    for stop in (2, 6, 9):
        assert run(killed, stop) == -9
    assert not (killed / "found.safetensors").exists()
    assert list((killed / "work").rglob("*.safetensors"))
    assert run(killed, 0) == 0
    one, two = load_arrays(whole / "found.safetensors"), load_arrays(killed / "found.safetensors")
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])


def test_the_number_of_processors_changes_nothing(
    recipe: EncoderTunedRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, found = examples(), []
    for cores in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", cores)
        heard: list[str] = []
        one = replace(recipe, found=heard.append, work=tmp_path / cores).validate(train, folds(train, 0), {})
        assert ("2 at a time" in heard[0]) == (cores == "2")
        found.append((one.evidence.probabilities, one.specialist.evidence(train.inputs).probabilities))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_what_an_llm_wrote_does_not_tell_when_to_stop(recipe: EncoderTunedRecipe, tmp_path: Path) -> None:
    real, heard = examples(), []
    more = replace(real, ids=tuple(f"w{i}" for i in range(60)), groups=tuple(range(100, 160)))
    train = real.joined(more)
    parts = encoder_parts.Parts(recipe, train, folds(train, 0), tmp_path)

    class Listening:
        def learn(self, rows: np.ndarray, aside: np.ndarray, *_: object) -> None:
            heard.append((rows, aside))

    parts._learn(Listening(), np.arange(120), None, lambda *_: None)  # type: ignore[arg-type]
    ((rows, aside),) = heard
    assert len(aside) > 0
    assert aside.max() < 60
    assert sorted([*rows, *aside]) == list(range(120))


def test_what_is_computed_once_is_what_would_be_computed_each_time(
    recipe: EncoderTunedRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = examples()
    once = recipe.validate(train, folds(train, 0), {}).evidence.probabilities
    monkeypatch.setattr(encoder_parts, "SEEN_MIB", -1)
    each_time = recipe.validate(train, folds(train, 0), {}).evidence.probabilities
    np.testing.assert_allclose(once, each_time, atol=2e-3)


def test_an_interrupt_ends_all_parts_and_keeps_what_is_done(recipe: EncoderTunedRecipe, tmp_path: Path) -> None:
    train, steps = examples(), 0

    def told(_: int, __: int) -> None:
        nonlocal steps
        steps += 1
        if steps == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(recipe, progress=told, work=tmp_path).validate(train, folds(train, 0), {})
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]
    assert replace(recipe, work=tmp_path).validate(train, folds(train, 0), {}).rows is None


def test_parts_take_turns_where_memory_is_short(recipe: EncoderTunedRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    one = encoder_parts.Parts(recipe, examples(), folds(examples(), 0), Path("never-written"))
    room = (one._memory(1).total + one._memory(2).total) / 2

    def asked(name: str, need: Memory, smaller: str) -> None:
        require_memory(name, need, smaller, room / 0.9)

    monkeypatch.setattr(encoder_parts, "require_memory", asked)
    workers, memory = one._room()
    assert workers == 1
    assert memory.total < room


def test_a_broken_graph_is_not_saved(recipe: EncoderTunedRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are rounded wrongly: what is served would answer otherwise than what was trained."""
    from sizewise.specialists import rounded_encoder

    right = rounded_encoder.blocks

    def wrong(weights: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> object:
        bytes_, scales = right(weights)
        return bytes_[::-1].copy(), scales

    monkeypatch.setattr(rounded_encoder, "blocks", wrong)
    with pytest.raises(SizewiseError, match="it is not saved"):
        recipe.fit(examples(120))


def test_a_loss_that_is_no_number_is_one_clear_message(recipe: EncoderTunedRecipe) -> None:
    with pytest.raises(InputError, match=r"training diverged.*smaller rate than 1e\+30"):
        replace(recipe, rate=1e30, way="labels").fit(examples())


def test_a_gradient_that_is_no_number_is_one_too(recipe: EncoderTunedRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(InputError, match="the gradient is not a number in epoch 1, step 1"):
        recipe.fit(examples())


def test_too_little_memory_is_said_before_anything_is_done(
    recipe: EncoderTunedRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sizewise.specialists.train import estimates

    monkeypatch.setattr(estimates, "PROCESS_MIB", 1e9)
    with pytest.raises(LimitReached, match="encoder-tuned needs about"):
        recipe.fit(examples())


def test_an_encoder_with_an_engine_of_its_own_is_refused_at_once(recipe: EncoderTunedRecipe) -> None:
    with pytest.raises(ModelReferenceError, match="an engine of its own"):
        replace(recipe, encoder=MULTILINGUAL_ENCODER).fit(examples())


@pytest.mark.parametrize(("key", "value"), [
    ("way", "best"), ("epochs", 0), ("parts", 1), ("batch", 1), ("rate", -1.0), ("seconds", float("nan")),
])  # fmt: skip
def test_settings_that_mean_nothing(recipe: EncoderTunedRecipe, key: str, value: object) -> None:
    with pytest.raises(TaskError, match=rf"\[rungs.encoder-tuned\] {key}"):
        replace(recipe, **{key: value}).fit(examples())  # type: ignore[arg-type]


def test_the_plan_keeps_to_the_time_given(recipe: EncoderTunedRecipe) -> None:
    assert isinstance(recipe, Planned)
    seconds, how = recipe.plan(examples())
    assert seconds > 0
    assert "3 epochs" in how
    _, hurried = replace(recipe, epochs=50, seconds=1e-6).plan(examples())
    assert "1 epochs, of 50 that were wanted" in hurried


def test_it_is_served_without_torch(specialist: EncoderSpecialist, tmp_path: Path) -> None:
    specialist.save(tmp_path)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sizewise.specialists.ladder import load_specialist\n"
        "loaded = load_specialist('encoder-tuned', Path(sys.argv[1]))\n"
        "print(loaded.answer(['where is the parcel'])[0].value)\n"
        "assert not {'torch', 'transformers', 'onnx'} & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "delivery"


def test_another_file_than_the_saved_one_is_not_opened(specialist: EncoderSpecialist, tmp_path: Path) -> None:
    specialist.save(tmp_path)
    model = tmp_path / "encoder" / "onnx" / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(ModelReferenceError, match="not the promised file"):
        load_specialist("encoder-tuned", tmp_path)


def test_rows_are_set_aside_by_groups() -> None:
    groups = np.repeat(np.arange(50), 4)
    held = set_aside(groups, 0.1, 100, 0)
    assert 20 <= held.sum() <= 24
    assert all(held[groups == group].all() or not held[groups == group].any() for group in range(50))
    assert not set_aside(np.arange(5), 0.1, 100, 0).any()
    assert encoder_parts.MOST_ASIDE > 0
