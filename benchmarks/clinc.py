"""CLINC150 with every out-of-scope row dropped from train and calibrate: accuracy in scope, and what is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from fitted import fitted
from shared_data import result, rows, write

from sizewise.cascade.cascade import chosen_labels
from sizewise.evaluate.intervals import share

SEEDS = range(3)


def main() -> None:
    kept = [row for row in rows("clinc150") if row["split"] == "test" or row["gold"] != "oos"]
    with tempfile.TemporaryDirectory() as folder:
        log = write(Path(folder) / "clinc.jsonl", kept)
        for seed in SEEDS:
            rung, splits = fitted(log, "gold", seed)
            calibrate = rung.specialist.evidence([e.input for e in splits.calibrate.examples]).outlyingness
            inside = [e for e in splits.test.examples if e.gold != "oos"]
            outside = [e for e in splits.test.examples if e.gold == "oos"]
            evidence = rung.specialist.evidence([e.input for e in inside])
            stranger = rung.specialist.evidence([e.input for e in outside]).outlyingness
            right = sum(a == e.gold for a, e in zip(chosen_labels(evidence), inside, strict=True))
            gate = float(np.quantile(calibrate, 0.95))
            pairs = (stranger[:, None] > evidence.outlyingness[None, :]).mean()
            result(
                "clinc150, no oos example seen",
                seed=seed,
                accuracy_in_scope=_plain(share(right, len(inside))),
                oos_refused=_plain(share(int((stranger > gate).sum()), len(outside))),
                in_scope_kept=_plain(share(int((evidence.outlyingness <= gate).sum()), len(inside))),
                auroc=round(float(pairs), 4),
            )


def _plain(measured: object) -> list[float]:
    return [round(getattr(measured, name), 4) for name in ("value", "low", "high")]


if __name__ == "__main__":
    main()
