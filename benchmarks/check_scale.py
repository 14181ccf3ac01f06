"""`sizewise check --no-audit` on a million generated rows: seconds and peak memory.

The rows are short requests in English and Russian with 40 labels, a split column and an answer; a fifth of them are
near-duplicates of an earlier row (another case, other digits, other punctuation), a few hold an e-mail address, a
telephone number or a card. Without words from outside: they are put together from syllables.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared_data import result

LABELS = 40
SYLLABLES = {
    "en": "ta re ni co la me su po ri de an or ing ent pay card ship bill late open code order plan mail",
    "ru": "за ка та ре ни по ла ме де ро ставк карт счет опла код пис ром ник ова ать ый ого при про пере",
}


def words(draw: random.Random, language: str, count: int) -> list[str]:
    return ["".join(draw.choices(SYLLABLES[language].split(), k=draw.randint(1, 3))) for _ in range(count)]


def near(draw: random.Random, text: str) -> str:
    changed = "".join(str(draw.randrange(10)) if c.isdigit() else c for c in text)
    return draw.choice([changed.upper(), changed + "!", changed.replace(" ", "  "), changed.capitalize() + "?"])


def generate(path: Path, rows: int) -> None:
    draw = random.Random(0)
    vocabulary = {language: words(draw, language, 4_000) for language in SYLLABLES}
    earlier: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            if earlier and draw.random() < 0.2:
                text = near(draw, draw.choice(earlier))
            else:
                text = " ".join(draw.choices(vocabulary[draw.choice(("en", "ru"))], k=draw.randint(5, 14)))
                if draw.random() < 0.3:
                    text += f" {draw.randrange(10**9)}"
                if draw.random() < 0.02:
                    text += draw.choice((" ann@example.com", " +7 912 345-67-89", " 4111 1111 1111 1111"))
                if len(earlier) < 50_000:
                    earlier.append(text)
                else:
                    earlier[draw.randrange(50_000)] = text
            part = "train" if number % 10 < 8 else "calibrate" if number % 10 == 8 else "test"
            row = {"id": f"r{number}", "input": text, "answer": f"label {draw.randrange(LABELS)}", "split": part}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        generate(log, rows)
        command = [sys.executable, "-m", "sizewise.cli.main", "check", str(log), "--no-audit", "--json"]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        found = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        result(
            "check without the audit",
            rows=found["rows"],
            megabytes=round(log.stat().st_size / 1e6),
            seconds=round(time.perf_counter() - started, 1),
            cpu_seconds=round(usage.ru_utime + usage.ru_stime, 1),
            peak_memory_mb=round(usage.ru_maxrss / 1024),
            status=status,
            groups=found["groups"],
            near_duplicates=found["near_duplicates"],
            personal={kind: f["rows"] for kind, f in found["personal"].items()},
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
