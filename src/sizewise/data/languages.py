"""What a log is written in: the script of each text, and the language of a sample (decision 19)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

READ = 2_000
SAMPLE = 2_000
UNKNOWN = "und"
SURE, LEAST_SHARE, LEAST_TEXTS = 0.7, 0.005, 2


@lru_cache(maxsize=65_536)
def _script(character: str) -> str | None:
    if not character.isalpha():
        return None
    return unicodedata.name(character, "OTHER").split(" ")[0].split("-")[0].capitalize()


def script(text: str) -> str:
    """The commonest script of the letters, by Unicode's character names; "none" where there are no letters.

    >>> script("Где мой заказ 42?"), script("Where?"), script("42")
    ('Cyrillic', 'Latin', 'none')
    """
    text = text[:READ]
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else "none"
    counts = Counter(text)
    scripts: Counter[str] = Counter()
    for character, count in counts.items():
        if (name := _script(character)) is not None:
            scripts[name] += count
    return scripts.most_common(1)[0][0] if scripts else "none"


def languages(texts: Sequence[str]) -> Mapping[str, int]:
    """How many of ``texts`` are in each language: ISO 639 codes, "und" where a text does not tell.

    A short text alone tells its language badly, a log tells it well: the texts that are surely in one language
    say which languages the log is in, and the others are taken to be in one of these, if any fits.

    >>> dict(languages(["Where is my parcel?", "I would like my money back", "Где моя посылка?", "42"]))
    {'en': 2, 'und': 1, 'ru': 1}
    """
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    said = [text[:READ] for text in texts]
    telling = [text for text in said if sum(map(str.isalpha, text)) > 1]
    first = [identifier.classify(text) for text in telling]
    sure = Counter(language for language, probability in first if probability >= SURE)
    spoken = [
        language
        for language, count in sure.items()
        if language != "zxx" and count >= min(LEAST_TEXTS, sure.total()) and count >= LEAST_SHARE * sure.total()
    ]
    written = {language: _script_of(language, telling, first) for language in spoken}
    if spoken:
        identifier.set_languages(spoken)
    counts: Counter[str] = Counter({UNKNOWN: len(said) - len(telling)})
    for text, (language, probability) in zip(telling, first, strict=True):
        if language not in spoken and probability < SURE:
            language = identifier.classify(text)[0] if spoken else UNKNOWN
            language = language if written.get(language) == script(text) else UNKNOWN
        counts[language] += 1
    return {language: count for language, count in counts.most_common() if count}


def _script_of(language: str, texts: Sequence[str], first: Sequence[tuple[str, float]]) -> str:
    """The script that the texts which are surely in ``language`` are written in."""
    scripts = Counter(
        script(text)
        for text, (said, probability) in zip(texts, first, strict=True)
        if said == language and probability >= SURE
    )
    return scripts.most_common(1)[0][0]
