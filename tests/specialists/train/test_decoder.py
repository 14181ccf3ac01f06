"""The decoder in torch against llama.cpp, on a tiny random model of each family and on the real Gemma, with adapters too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from sizewise.specialists.train import INSTALL

pytest.importorskip("torch", reason=f"needs the extra `train`: {INSTALL}")

import torch

from sizewise.core.errors import LimitReached, ModelReferenceError
from sizewise.models.local_slm import DEFAULT_SLM, local_slm
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.specialists.train.decoder import weights as weights_file
from sizewise.specialists.train.decoder.adapter import write_adapter
from sizewise.specialists.train.decoder.decoder import Decoder, turned
from sizewise.specialists.train.decoder.weights import Weights, open_weights

from .tiny_models import FAMILIES, WIDTH, tiny, write_tiny

SMALL = EngineSettings(context=512, threads=1, exact=True)
TEXT = "hello abc, how is it going? ünïcode 🙂 and so on"
RANK, ALPHA = 4, 8.0


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "gemma_270m" not in request.node.name:  # its weights take half a minute: they are kept where everybody's are
        monkeypatch.setenv("SIZEWISE_CACHE", str(tmp_path / "cache"))


def logarithms(decoder: Decoder, weights: Weights, tokens: Sequence[int], among: Sequence[int]) -> np.ndarray:
    embedded = torch.from_numpy(weights.rows(tokens))[None]
    with torch.no_grad():
        hidden = decoder(embedded, torch.tensor([0]), torch.tensor([len(tokens) - 1]))
        scores = hidden @ torch.from_numpy(weights.rows(among, output=True)).T
    return np.asarray(scores.log_softmax(-1)[0].numpy())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_says_what_llama_cpp_says_without_and_with_an_adapter(name: str, tmp_path: Path) -> None:
    model = tiny(name, tmp_path)
    weights = open_weights(model)
    bare = Decoder(weights, 0, 0.0, torch.float32)
    adapted = Decoder(weights, RANK, ALPHA, torch.float32, seed=3)
    random = torch.Generator().manual_seed(1)
    arrays: dict[str, np.ndarray] = {}
    for layer, linear in adapted.adapters():
        with torch.no_grad():
            linear.b.copy_(torch.randn(linear.b.shape, generator=random) * 0.2)
            for side in (linear.a, linear.b):  # an adapter is kept in 16 bits
                side.copy_(side.half().float())
        arrays |= {f"{layer}.a": linear.a.detach().numpy(), f"{layer}.b": linear.b.detach().numpy()}
    adapter = tmp_path / "adapter.gguf"
    write_adapter(adapter, arrays, ALPHA, weights.facts.architecture, model.sha256)
    settings = EngineSettings(512, threads=1, exact=True, adapters=(adapter,))
    with Engine(model, settings) as engine:
        tokens, among = engine.tokens(TEXT), list(range(10, 60))
        for decoder, place in ((bare, None), (adapted, 0), (bare, None)):
            said = np.log(engine.shares(tokens, among, place, anew=True))
            np.testing.assert_allclose(logarithms(decoder, weights, tokens, among), said, atol=0.05)
        both = [logarithms(decoder, weights, tokens, among) for decoder in (bare, adapted)]
        assert np.abs(both[0] - both[1]).max() > 1, "the adapter makes a difference"


def test_a_window_hides_what_is_further_back(tmp_path: Path) -> None:
    """Gemma's: five layers of six see 256 tokens here; two layers both do."""
    model = tiny("gemma", tmp_path)
    weights = open_weights(model)
    with Engine(model, SMALL) as engine:
        tokens, among = engine.tokens("abcdefghij " * 27), list(range(300, 350))
        tokens, among = tokens[:290], [t % 280 + 5 for t in range(50)]
        said = np.log(engine.shares(tokens, among, anew=True))
    assert len(tokens) > 256
    np.testing.assert_allclose(
        logarithms(Decoder(weights, 0, 0.0, torch.float32), weights, tokens, among), said, atol=0.05
    )


def test_gemma_270m_says_what_llama_cpp_says() -> None:
    """Quantised weights are made plain; llama.cpp rounds what flows through them as well."""
    model = local_slm(DEFAULT_SLM)
    weights = open_weights(model)
    decoder = Decoder(weights, 0, 0.0, torch.float32)
    with Engine(model, SMALL) as engine:
        for text in ("The capital of France is", "My card has not arrived yet, where is it?", "2 + 2 ="):
            tokens = engine.tokens(text)
            among = sorted(
                {*range(1_000, 1_060), *(t for w in (" Paris", " London", " 4", " 5") for t in engine.tokens(w, False))}
            )
            said, ours = np.array(engine.shares(tokens, among)), np.exp(logarithms(decoder, weights, tokens, among))
            assert said.argmax() == ours.argmax()
            np.testing.assert_allclose(ours, said, atol=0.06)


def test_padding_behind_a_text_changes_nothing(tmp_path: Path) -> None:
    weights = open_weights(tiny("llama-3", tmp_path))
    decoder = Decoder(weights, 0, 0.0, torch.float32)
    one, other = torch.randn(5, WIDTH), torch.randn(9, WIDTH)
    table = torch.zeros(2, 9, WIDTH)
    table[0, :5], table[1] = one, other
    with torch.no_grad():
        both = decoder(table, torch.tensor([0, 1]), torch.tensor([4, 8]))
        alone = decoder(one[None], torch.tensor([0]), torch.tensor([4]))
    np.testing.assert_allclose(both[0], alone[0], atol=1e-5)


def test_paired_positions_are_the_others_with_their_numbers_rearranged() -> None:
    """llama.cpp's conversion puts each head's halves between one another for Llama and Mistral: both ways are the same."""
    heads, angles = torch.randn(1, 2, 7, 16), torch.outer(torch.arange(7.0), torch.rand(8))
    interleaved = torch.stack(heads.chunk(2, dim=-1), dim=-1).flatten(-2)
    straight = turned(heads, angles.cos(), angles.sin(), paired=False)
    paired = turned(interleaved, angles.cos(), angles.sin(), paired=True)
    np.testing.assert_allclose(torch.stack(straight.chunk(2, dim=-1), dim=-1).flatten(-2), paired, atol=1e-5)


def test_weights_are_made_plain_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("chatml", tmp_path)
    first = open_weights(model)
    monkeypatch.setattr(weights_file, "_write", lambda *_: pytest.fail("they are there"))
    assert open_weights(model).path == first.path
    assert first.path.is_relative_to(tmp_path / "cache")
    assert "token_embd.weight" not in first.shapes()


@pytest.mark.parametrize("damage", [lambda b: b[:-100], lambda _: b"", lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_damaged_weights_in_the_cache_are_made_anew(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    model = tiny("chatml", tmp_path)
    path = open_weights(model).path
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert open_weights(model).path.read_bytes() == whole


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1 << 20})())
    with pytest.raises(LimitReached, match=r"plain weights .* take .* MiB of disk, and .* SIZEWISE_CACHE"):
        open_weights(tiny("chatml", tmp_path))
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_an_architecture_that_is_not_known_here_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    path = write_tiny(tmp_path / "strange.gguf", replace(FAMILIES["chatml"], architecture="olmo2"))
    with pytest.raises(
        ModelReferenceError, match=r"cannot be tuned: models of the architecture 'olmo2' .* slm-prompted"
    ):
        open_weights(local_slm(f"file:{path}"))
