"""Which encoder reads a text: the one that was named, else the one that the language of train calls for."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sizewise.core.errors import ModelReferenceError
from sizewise.core.measurement import Circumstance
from sizewise.data.languages import script
from sizewise.models.catalogue import (
    DEFAULT_ENCODER,
    MULTILINGUAL_ENCODER,
    MULTILINGUAL_ON_HUB,
    known_engine,
    prefix,
)
from sizewise.models.reference import is_at_hand
from sizewise.specialists.multilingual import INSTALL
from sizewise.specialists.sentence_vectors import SentenceEncoder, TextEncoder

BY_LANGUAGE = "by-language"
SWITCH, NEVER = "SIZEWISE_FOREIGN_CODE", "never"
FOREIGN_SHARE = 0.2
MOSTLY = 0.8
PROBED_ROWS = 20_000


def open_encoder(
    reference: str, sha256: dict[str, str] | None = None, place: str | None = None, most: int | None = None
) -> TextEncoder:
    """The encoder behind ``reference``; its files are looked for in ``place`` where they were copied there.

    ``sha256`` are the hashes that a manifest promises; no more than ``most`` views are read. Raises ``ModelReferenceError`` where files are missing or others.
    """
    if known_engine(reference):
        if not _may_run(reference):
            raise ModelReferenceError(
                f"{reference} brings its own code, and {SWITCH}={NEVER} forbids to run that here."
            )
        from sizewise.specialists.multilingual.packed_e5 import PackedE5Encoder

        return PackedE5Encoder.from_reference(reference, place)
    return SentenceEncoder.from_reference(place or reference, sha256, prefix(reference), most)


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """The encoders to try, best guess first, and what must be said of the choice."""

    references: tuple[str, ...]
    circumstances: tuple[Circumstance, ...] = ()


def choose(named: str, inputs: Sequence[str]) -> EncoderChoice:
    """The encoder for ``inputs`` (train's alone): ``named``, or by language where that is ``by-language``.

    A row counts as foreign where most of its letters are not Latin, or one Latin letter is none of English. From
    20 % of foreign rows on the multilingual encoder is tried, below 80 % beside the default one, which knows English
    better; where it is not on this machine, or ``SIZEWISE_FOREIGN_CODE=never`` forbids to run the code it brings, the
    default one reads what it can and the verdict says so.
    """
    if named != BY_LANGUAGE:
        return EncoderChoice((named,), _foreign_code(named))
    share, language = foreign(inputs)
    if share < FOREIGN_SHARE:
        return EncoderChoice((DEFAULT_ENCODER,))
    about: dict[str, str | float | int | None] = {"share": share, "script": language}
    found = next((r for r in (MULTILINGUAL_ENCODER, MULTILINGUAL_ON_HUB) if _may_run(r) and is_at_hand(r)), None)
    if found is None:
        return EncoderChoice((DEFAULT_ENCODER,), (Circumstance("language_not_read", {**about, "install": INSTALL}),))
    told = Circumstance("encoder_by_language", {**about, "encoder": found})
    tried = (found,) if share >= MOSTLY else (found, DEFAULT_ENCODER)
    return EncoderChoice(tried, (told, *_foreign_code(found)))


def _may_run(reference: str) -> bool:
    return not known_engine(reference) or os.environ.get(SWITCH) != NEVER


def _foreign_code(reference: str) -> tuple[Circumstance, ...]:
    return (Circumstance("foreign_code", {"encoder": reference}),) if known_engine(reference) else ()


def foreign(inputs: Sequence[str]) -> tuple[float, str]:
    """The share of rows that are foreign to English, and the script that most of those are written in.

    >>> foreign(["Где мой заказ?", "where is it?", "42", "Wo ist die Tür?"])
    (0.5, 'Cyrillic')
    """
    sample = inputs[:: max(1, len(inputs) // PROBED_ROWS)]
    scripts = [script(text) for text in sample]
    found = Counter(
        name for name, text in zip(scripts, sample, strict=True)
        if name not in ("Latin", "none") or _has_foreign_letter(text)
    )  # fmt: skip
    return (found.total() / len(sample), found.most_common(1)[0][0]) if found else (0.0, "none")


def _has_foreign_letter(text: str) -> bool:
    return not text.isascii() and any(ord(c) > 127 and c.isalpha() for c in unicodedata.normalize("NFKC", text))
