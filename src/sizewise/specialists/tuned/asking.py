"""A tuned model's prompt: the beginning of a text, the input, and a mark behind which the answer is read."""

from __future__ import annotations

from collections.abc import Sequence

from sizewise.slm.engine import Engine
from sizewise.slm.prompt_format import Piece

MARK = "\n"
CHARACTERS_A_TOKEN = 8  # a text longer than so many a token is cut before it is turned into tokens


class Prompts:
    """Texts as the tokens of prompts, each of at most ``most`` tokens of input."""

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine, self._most = engine, most
        self._start = engine.tokens("")
        self._mark = engine.tokens(MARK, start=False)

    def __call__(self, text: str, most: int | None = None) -> list[int]:
        """The whole prompt for ``text``, cut to ``most`` tokens of it where that is given."""
        return [*self._start, *self.plain(text, most), *self._mark]

    def plain(self, text: str, most: int | None = None) -> list[int]:
        """The tokens of ``text``, none of which is a marker, cut to ``most``."""
        most = most or self._most
        cut = text[: most * CHARACTERS_A_TOKEN].encode("utf-8", "replace").decode("utf-8")
        return self._engine.tokens([Piece(cut)], start=False)[:most] if cut else []

    def reason(self, text: str, why: str, of_text: int, most: int) -> tuple[Sequence[int], int]:
        """The prompt of the second task with what is to be said, and how many of its last tokens that is."""
        said = self.plain(why, most)
        return [*self._start, *self.plain(text, of_text), *self._mark, *self._mark, *said], len(said)
