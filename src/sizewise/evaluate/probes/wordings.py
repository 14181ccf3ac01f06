"""Harmless rewordings by stated rules: each changes one thing in how the same question is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from sizewise.core.wording import Wording


def rewordings(base: Wording, own: Sequence[str] = ()) -> dict[str, Wording]:
    """Nine rewordings of a prompt with examples, by name, and the person's ``own`` instructions, if any."""
    made = {
        "imperative": replace(base, instructions="Read the message and name its label."),
        "polite": replace(base, instructions=f"Please note: {base.instructions} Thank you."),
        "text_category": replace(base, input_word="Text", label_word="Category"),
        "input_output": replace(base, input_word="Input", label_word="Output"),
        "arrow": replace(base, between=" -> "),
        "reversed": replace(base, order="reversed"),
        "shuffled": replace(base, order="shuffled"),
        "list": replace(base, listed=not base.listed),
        "label_form": replace(base, label_form="raw" if base.label_form == "words" else "words"),
    }
    return made | {f"own_{i}": replace(base, instructions=text) for i, text in enumerate(own, 1)}


#: system messages that say the same to an LLM behind an API; ``{task}`` is what it is told to do
FRAMES = {
    "imperative": "{task}\n\nLabels:\n{labels}\n\nReply with the one label that fits, spelled exactly so, as JSON.",
    "polite": "Please do the following. {task}\n\nPlease choose exactly one of these labels:\n{labels}\n\nThank you. Give JSON.",
    "labels_first": "The only permitted labels are:\n{labels}\n\n{task} Output JSON with the label.",
    "role": "You are an experienced clerk. {task}\n\nUse one of these labels, verbatim:\n{labels}\n\nAnswer as JSON.",
    "question": "Which of these labels fits the user's message best?\n{labels}\n\n({task}) The answer is JSON.",
    "terse": "{task}\n{labels}\nOne label. JSON.",
}
ORDERS = ("reversed", "shuffled")


def frames(
    task: str, labels: Sequence[str], seed: int, own: Sequence[str] = ()
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Eight rewordings by name, each the system message (with ``{labels}``) and the order of the labels; then ``own``."""
    plain = "{task}\n\nAnswer with exactly one of these labels, spelled as it is here:\n{labels}\n\nAnswer as JSON."
    shuffled = list(labels)
    Random(seed).shuffle(shuffled)
    made = {name: (frame.replace("{task}", task), tuple(labels)) for name, frame in FRAMES.items()}
    made["reversed"] = (plain.replace("{task}", task), tuple(reversed(labels)))
    made["shuffled"] = (plain.replace("{task}", task), tuple(shuffled))
    return made | {f"own_{i}": (plain.replace("{task}", text), tuple(labels)) for i, text in enumerate(own, 1)}
