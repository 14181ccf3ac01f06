"""A generated task of a thousand classes: which action on which object, in words that the classes share.

A class is one of 40 objects with one of 25 actions. Objects and actions each have several names. Some names are rare
in train, some occur in calibrate and test alone, so that only what knows English can relate them; phrases, politeness,
slips of the pen and names of persons are noise. One row in fifty carries the label of a neighbouring class.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

OBJECTS = """laptop notebook|phone mobile smartphone|printer|keyboard|screen monitor display|invoice bill|refund repayment
|password passcode|account profile|subscription membership|parcel package delivery|address residence|ticket|flight plane
|hotel lodging accommodation|car automobile vehicle|bicycle bike|insurance policy coverage|contract agreement|salary wage pay
|holiday vacation leave|meeting appointment|calendar schedule|email mail message|folder directory|photo picture image|video film clip
|song music tune|recipe dish|oven stove cooker|fridge refrigerator freezer|washer laundry machine|lamp light|heating radiator
|door gate entrance|window|garden lawn|doctor physician|medicine drug pill|school college"""
ACTIONS = """buy purchase acquire|sell|repair fix mend|cancel abort terminate|find locate search|lose mislay misplace|move relocate
|open unlock|close shut|rename retitle|share lend|return bring back|replace exchange swap|clean wash tidy|compare|rate review assess
|update modernise refresh|delete erase remove|restore recover|pay settle|postpone delay defer|confirm approve|hide conceal
|print|translate"""
FRAMES = (
    "i want to {a} the {o}", "how do i {a} my {o}", "{a} {o} please", "can you {a} that {o} for me", "is it possible to {a} a {o}",
    "need help to {a} the {o}", "{o}: {a} it", "my {o}, i would like to {a} it", "what does it take to {a} a {o}",
    "who can {a} the {o} of {n}", "{n} asked me to {a} the {o}", "hello, please {a} my {o} today", "could someone {a} the old {o}",
)  # fmt: skip
NAMES = ("anna", "boris", "chen", "dara", "emil", "fatima", "george", "hana", "igor", "jana", "karim", "lena", "mark")
NOISE = ("", "", "", " thanks", " asap", " urgent", " if you can", " since monday", " as i said", " order 4{d}")
WRONG = 0.02
SLIP = 0.15
USUAL = 0.9  # share of rows that use a thing's first name


def _names(text: str) -> list[list[str]]:
    return [group.split() for group in text.replace("\n", " ").split("|")]


def rows(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """``count`` distinct rows with ``input``, ``gold`` and ``split`` (3,000 each for calibrate and test)."""
    draw = Random(seed)
    objects, actions = _names(OBJECTS), _names(ACTIONS)
    assert (len(objects), len(actions)) == (40, 25)
    seen: set[str] = set()
    while len(seen) < count:
        split = "train" if len(seen) >= 6_000 else ("calibrate", "test")[len(seen) % 2]
        one, two = draw.randrange(40), draw.randrange(25)
        text = _text(_name(objects[one], split, draw), _name(actions[two], split, draw), draw)
        if text.casefold() in seen:
            continue
        seen.add(text.casefold())
        if draw.random() < WRONG:
            two = (two + 1) % 25
        yield {"input": text, "gold": f"{actions[two][0]}_{objects[one][0]}", "split": split}


def _name(names: list[str], split: str, draw: Random) -> str:
    """The first name mostly; in train the last of three is never seen, the second seldom."""
    known = names[:-1] if split == "train" and len(names) > 2 else names
    return known[0] if len(known) == 1 or draw.random() < USUAL else draw.choice(known[1:])


def _text(thing: str, action: str, draw: Random) -> str:
    frame, tail = draw.choice(FRAMES), draw.choice(NOISE)
    text = (frame + tail).format(a=action, o=thing, n=draw.choice(NAMES), d=draw.randrange(1_000))
    if draw.random() < SLIP:
        place = draw.randrange(1, len(text) - 1)
        text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text
