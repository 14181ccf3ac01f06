"""Probe every model on a sample of test, after the threshold was set: nothing is chosen by what is seen here.

Test is read in this stage and the one before it alone. A trained specialist has no prompt, so only its input is
perturbed; a prompted one, and an LLM that may be asked, are reworded as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sizewise.cascade.cascade import chosen_labels
from sizewise.core.example import Example, Test
from sizewise.core.measurement import ModelProbes
from sizewise.core.task import ReferenceKind, Task
from sizewise.evaluate.intervals import share
from sizewise.evaluate.probes.inputs import RULES, perturbed
from sizewise.evaluate.probes.sensitivity import accuracy_spread, any_change, mean_change, probes
from sizewise.evaluate.probes.wordings import rewordings
from sizewise.specialists.slm_prompted import SlmPrompted
from sizewise.stages.contest import Contestant
from sizewise.stages.listener import Listener
from sizewise.stages.samples import sampled_test

#: rows of test that a trained specialist is probed on: a share has an interval of at most 15 points
TRAINED_ROWS = 200
#: of the rows that a prompted one can be asked: there are six perturbations and nine rewordings of each
PROMPTED_SHARE, FEWEST, MOST = 0.2, 10, 100
NOT_PROBED = ("majority",)  # it does not read its input

Answers = Callable[[Sequence[str]], list[str | None]]


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows that are probed, and what they are held against."""

    inputs: tuple[str, ...]
    references: tuple[str | None, ...]

    @classmethod
    def of(cls, examples: Sequence[Example], reference: ReferenceKind) -> Sample:
        """The inputs of ``examples`` with their references of the kind in use."""
        return cls(
            tuple(e.input for e in examples), tuple(e.gold if reference == "gold" else e.answer for e in examples)
        )


def probe(
    contestants: Sequence[Contestant], task: Task, test: Test, reference: ReferenceKind, listener: Listener
) -> tuple[ModelProbes, ...]:
    """Every rung that reads its input, on a sample of test rows; rungs without test rows are left out."""
    found = []
    for contestant in contestants:
        most = _most(contestant)
        sample = Sample.of(sampled_test(test, most, task.seed).examples, reference)
        if contestant.name in NOT_PROBED or not sample.inputs:
            continue
        listener.found(f"{contestant.name}: probed on {len(sample.inputs)} test rows")
        found.append(_probed(contestant, task, sample, listener))
    return tuple(found)


def _most(contestant: Contestant) -> int:
    if contestant.most_rows is None:
        return TRAINED_ROWS
    return min(MOST, max(FEWEST, int(contestant.most_rows * PROMPTED_SHARE)))


def _probed(contestant: Contestant, task: Task, sample: Sample, listener: Listener) -> ModelProbes:
    specialist = contestant.specialist

    def answers(inputs: Sequence[str]) -> list[str | None]:
        listener.progress(f"probing {contestant.name}", 1, len(RULES) + 10)
        return list(chosen_labels(specialist.evidence(inputs)))

    before = answers(sample.inputs)
    reworded: dict[str, list[str | None]] = {}
    if isinstance(specialist, SlmPrompted):
        own = specialist.prompting.wording
        for name, wording in rewordings(own, task.wordings).items():
            listener.progress(f"probing {contestant.name}", 1, len(RULES) + 10)
            reworded[name] = list(chosen_labels(specialist.evidence(sample.inputs, wording)))
    kind = "prompted" if isinstance(specialist, SlmPrompted) else "trained"
    return judged(contestant.name, kind, sample, before, perturb(sample, before, answers, task.seed), reworded)


def perturb(
    sample: Sample, before: Sequence[str | None], answers: Answers, seed: int
) -> tuple[dict[str, list[str | None]], dict[str, list[bool]]]:
    """The answers after each rule, and which rows it changed: a row that it leaves alone is not asked again."""
    after: dict[str, list[str | None]] = {}
    asked: dict[str, list[bool]] = {}
    for rule in RULES:
        changed = [perturbed(rule, text, seed) for text in sample.inputs]
        said = iter(answers([text for text in changed if text is not None]) if any(changed) else ())
        after[rule] = [before[i] if text is None else next(said) for i, text in enumerate(changed)]
        asked[rule] = [text is not None for text in changed]
    return after, asked


def judged(
    model: str,
    kind: str,
    sample: Sample,
    before: Sequence[str | None],
    inputs: tuple[Mapping[str, Sequence[str | None]], Mapping[str, Sequence[bool]]],
    wordings: Mapping[str, Sequence[str | None]],
) -> ModelProbes:
    """What the answers before and after amount to."""
    known = [i for i, (said, true) in enumerate(zip(before, sample.references, strict=True)) if said and true]
    everywhere = {name: [True] * len(before) for name in wordings}
    return ModelProbes(
        model=model,
        kind="prompted" if kind == "prompted" else "large" if kind == "large" else "trained",
        rows=len(before),
        accuracy=share(sum(before[i] == sample.references[i] for i in known), len(known)),
        inputs=probes(before, inputs[0], sample.references, inputs[1]),
        wordings=probes(before, wordings, sample.references, everywhere),
        changed_by_wording=mean_change(before, wordings),
        changed_by_any_wording=any_change(before, wordings) if wordings else None,
        accuracy_spread=accuracy_spread(before, wordings, sample.references),
    )
