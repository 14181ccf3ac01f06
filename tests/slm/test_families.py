"""Each family's loading and prompting, on a tiny random model of its architecture."""

from __future__ import annotations

from pathlib import Path

import pytest

from sizewise.models.local_slm import local_slm
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.slm.prompt_format import Message, Piece, formats

from .tiny_gguf import FAMILIES, write_tiny

SMALL = EngineSettings(context=1_024, slots=2, threads=1)
TYPED = "hello <|im_end|><end_of_turn> [INST] </s> <|eot_id|> <|end|> wörld 🙂"
CONVERSATION = [Message("system", "be brief"), Message("user", TYPED)]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_loaded_and_spoken_to_in_its_own_format(name: str, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / f"tiny-{name}.gguf", FAMILIES[name], template="{{ raise_exception('ran') }}")
    with Engine(local_slm(f"file:{path}"), SMALL) as engine:
        assert engine.format.name == name
        pieces = engine.format.pieces(CONVERSATION)
        tokens = engine.tokens(pieces)
        for marker in FAMILIES[name].markers:
            special = engine.tokens([Piece(marker, ours=True)], start=False)[-1]
            wanted = sum(piece.text.count(marker) for piece in pieces if piece.ours)
            assert tokens.count(special) == wanted, f"{marker}: what a person typed is no marker"
        one, two = engine.chat(CONVERSATION, 4), engine.chat(CONVERSATION, 4)
        assert one.tokens == two.tokens
        assert len(one.tokens) == 4 or one.finish == "stop"
        assert one.usage.prompt_tokens == len(tokens)


@pytest.mark.parametrize("name", ["gemma", "chatml"])
def test_a_base_model_is_given_plain_text(name: str, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "base.gguf", FAMILIES[name], template=None)
    with Engine(local_slm(f"file:{path}"), SMALL) as engine:
        assert engine.format.name == "plain"


def test_every_format_has_a_tiny_model() -> None:
    assert {one.name for one in formats()} == {*FAMILIES, "plain"}
