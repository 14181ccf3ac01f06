"""What an exported specialist is called, as a distribution and as a module, whatever its task is called."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import datetime

PREFIX = "sizewise"
LONGEST = 60
#: Cyrillic letters in Latin ones, as addresses on the web are mostly written
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya", "і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ў": "u", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c",
    "ђ": "dj", "џ": "dz", "ѓ": "g", "ќ": "k", "ѕ": "dz",
}  # fmt: skip


def distribution_name(task: str) -> str:
    """The name to install by: ``sizewise-`` and the task in small Latin letters, digits and hyphens.

    A task that has too few of these to be told from another gets a number made from its name.

    >>> distribution_name("Обращения клиентов 2026"), distribution_name("Order__Status.v2")
    ('sizewise-obrashcheniya-klientov-2026', 'sizewise-order-status-v2')
    >>> distribution_name("注文")
    'sizewise-task-266125dd'
    """
    spoken = "".join(_CYRILLIC.get(letter, letter) for letter in unicodedata.normalize("NFKC", task).casefold())
    plain = unicodedata.normalize("NFKD", spoken).encode("ascii", "ignore").decode()
    words = re.findall("[a-z0-9]+", plain)
    name = "-".join(words)
    lost = sum(letter.isalnum() for letter in spoken) > 2 * len("".join(words))
    if not name or lost or len(name) > LONGEST:
        number = hashlib.sha256(task.encode("utf-8", "replace")).hexdigest()[:8]
        name = "-".join([*filter(None, [name[:LONGEST].strip("-") or "task"]), number])
    return f"{PREFIX}-{name}"


def module_name(task: str) -> str:
    """The name to import by.

    >>> module_name("Обращения")
    'sizewise_obrashcheniya'
    """
    return distribution_name(task).replace("-", "_")


def version_of(created: str) -> str:
    """A version that a later run's exceeds, from the moment at which the run was made.

    >>> version_of("2026-11-24T02:10:20+00:00")
    '2026.11.24.21020'
    """
    at = datetime.fromisoformat(created)
    return f"{at.year}.{at.month}.{at.day}.{at.hour * 10_000 + at.minute * 100 + at.second}"
