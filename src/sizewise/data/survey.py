"""What the inputs themselves show, gathered while a log streams by: personal data, oddities, scripts, languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random

from sizewise.core.example import Example
from sizewise.core.record import Found
from sizewise.data import languages, oddities, personal

MOST_IDS = 20


class Survey:
    """Takes in examples one by one and keeps counts, a few ids, and a sample of texts for their language.

    ``longest`` is the number of characters that a specialist reads at most.
    """

    def __init__(self, longest: int, examples: Iterable[Example] = ()) -> None:
        self._longest = longest
        self._rows = 0
        self._scripts: Counter[str] = Counter()
        self._personal_rows: Counter[str] = Counter()
        self._personal: Counter[str] = Counter()
        self._odd: Counter[str] = Counter()
        self._odd_ids: dict[str, list[str]] = {}
        self._sample: list[str] = []
        self._random = Random(0)
        for example in examples:
            self.add(example)

    def add(self, example: Example) -> None:
        """Take in one row."""
        text = example.input
        self._scripts[languages.script(text)] += 1
        counted = personal.counted(text)
        self._personal.update(counted)
        self._personal_rows.update(counted.keys())
        for kind in oddities.oddities(text, self._longest):
            self._odd[kind] += 1
            ids = self._odd_ids.setdefault(kind, [])
            if len(ids) < MOST_IDS:
                ids.append(example.id)
        self._draw(text)
        self._rows += 1

    def _draw(self, text: str) -> None:
        """Keep a sample of the texts in which each has the same chance (Vitter's algorithm R)."""
        if len(self._sample) < languages.SAMPLE:
            self._sample.append(text[: languages.READ])
        elif (place := int(self._random.random() * (self._rows + 1))) < languages.SAMPLE:
            self._sample[place] = text[: languages.READ]

    @property
    def scripts(self) -> dict[str, int]:
        """Rows by the commonest script of their letters."""
        return dict(self._scripts.most_common())

    @property
    def long_inputs(self) -> int:
        """Rows of which a specialist reads only the beginning."""
        return self._odd["very_long"]

    def personal(self) -> dict[str, Found]:
        """Rows and occurrences by kind; never what was found."""
        return {
            kind: Found(self._personal_rows[kind], self._personal[kind])
            for kind in personal.KINDS
            if self._personal[kind]
        }

    def oddities(self) -> dict[str, Found]:
        """Rows by kind, with the ids of the first of them."""
        return {
            kind: Found(self._odd[kind], self._odd[kind], tuple(self._odd_ids[kind]))
            for kind in oddities.KINDS
            if self._odd[kind]
        }

    def languages(self) -> dict[str, int]:
        """Texts of the sample by language, the commonest first."""
        return dict(languages.languages(self._sample)) if self._sample else {}
