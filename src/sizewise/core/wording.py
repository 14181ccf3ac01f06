"""How the same thing is asked of a model that reads a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Order = Literal["given", "reversed", "shuffled"]


@dataclass(frozen=True, slots=True)
class Wording:
    """How the same thing is asked: none of it changes what is asked.

    ``between`` stands between a word and what it names; ``listed`` says whether the labels are listed before the
    examples; ``label_form`` whether underscores and hyphens in a label are read as spaces.
    """

    instructions: str = "Each message is followed by its label."
    input_word: str = "Message"
    label_word: str = "Label"
    between: str = ": "
    listed: bool = False
    order: Order = "given"
    label_form: Literal["words", "raw"] = "words"
