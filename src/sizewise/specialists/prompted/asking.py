"""One prompt, put to the engine for many inputs: the label tree walked for each, one after another.

Not several at once: what is computed beside an input changes its last digits, and a small quantised model makes up to
0.05 of probability out of them. So every input is read as a fresh engine would read it, to the bit; the prefix that all
share is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import ContextOverflow, EngineError, SizewiseError
from sizewise.slm.calls import answered
from sizewise.slm.engine import Engine
from sizewise.slm.prompt_format import Piece
from sizewise.specialists.prompted.label_tree import LabelTree
from sizewise.specialists.prompted.prompt import Layout

Floats = NDArray[np.float64]
#: a text longer than so many characters a token is cut before it is turned into tokens
CHARACTERS_A_TOKEN = 8


class Asking:
    """A prompt ready to be asked: its prefix in tokens, its labels as a tree. Safe to use from several threads."""

    def __init__(self, engine: Engine, prompt: Layout, input_tokens: int) -> None:
        self.engine = engine
        self._prompt, self._most = prompt, input_tokens
        self._prefix = engine.tokens(prompt.prefix)
        self._after = engine.tokens(prompt.after, start=False)
        self._spacers = self._after[:1] + engine.tokens([prompt.end], start=False)[:1] + self._prefix[:1]
        self.tree = LabelTree([self._label(label) for label in prompt.labels])
        longest = len(self._prefix) + len(self._after) + input_tokens + self.tree.depth + 1
        if longest > engine.longest:
            raise ContextOverflow(
                f"the prompt of {len(self._prefix):,} tokens, an input of {input_tokens:,} and a label do not fit into the "
                f"{engine.longest:,} tokens that {engine.name} has here. Fewer examples (examples = 0) make it shorter."
            )

    @property
    def prefix_tokens(self) -> int:
        return len(self._prefix)

    def probabilities(
        self, inputs: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> list[Floats | SizewiseError]:
        """Each input's label probabilities, shape (labels,), in order; what fails is its error.

        An interrupt ends every call that runs and is passed on.
        """
        distinct = list(dict.fromkeys(inputs))
        found: dict[str, Floats | SizewiseError] = {}
        for done, (place, row) in enumerate(answered(self._one, distinct, 1, self.engine.interrupt), 1):
            found[distinct[place]] = row
            if progress:
                progress(done, len(distinct))
        return [found[text] for text in inputs]

    def row_tokens(self, text: str) -> list[int]:
        """The whole prompt for one input, cut to ``input_tokens`` of it."""
        plain = text[: self._most * CHARACTERS_A_TOKEN].encode("utf-8", "replace").decode("utf-8")
        body = self.engine.tokens([Piece(self._prompt.before + plain)], start=False) if plain else []
        return [*self._prefix, *body[: self._most], *self._after]

    def _one(self, text: str) -> Floats | SizewiseError:
        try:
            tokens = self.row_tokens(text)
            with self.engine.alone:
                self._clear_before(tokens)
                return self.tree.walk(lambda path, among: self._shares([*tokens, *path], among))
        except (EngineError, ContextOverflow) as error:
            return error

    def _shares(self, tokens: list[int], among: Sequence[int]) -> list[float]:
        self.engine.held = tokens
        return self.engine.shares(tokens, among)

    def _clear_before(self, tokens: list[int]) -> None:
        """See to it that the cache holds the prefix, read at one go, and nothing of this input.

        Then as many tokens are read at once as a fresh engine would read: fewer go through other sums.
        """
        common = shared_length(self.engine.held, tokens)
        if common == len(self._prefix):
            return
        if common < len(self._prefix):
            other = next(token for token in self._spacers if token != self._prefix[0])
            self._shares([other, other], self._spacers)
        spacer = next(token for token in self._spacers if token != tokens[len(self._prefix)])
        self._shares([*self._prefix, spacer, spacer], self._spacers)

    def _label(self, label: str) -> list[int]:
        """A label's tokens as they follow the prompt, and the token that ends it."""
        lead = [Piece(self._prompt.lead + label)]
        anchor = self._prompt.after[-1]
        whole = self.engine.tokens([Piece(anchor.text + lead[0].text, anchor.ours)], start=False)
        start = self.engine.tokens([anchor], start=False)
        follows = not anchor.ours and whole[: len(start)] == start
        tokens = whole[len(start) :] if follows else self.engine.tokens(lead, start=False)
        return [*tokens, *self.engine.tokens([self._prompt.end], start=False)]


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts have in common from their beginning.

    >>> shared_length([1, 2, 3], [1, 2, 4, 5])
    2
    """
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
