"""The exported specialist as a program and as a function: JSON lines as ``sizewise predict`` has them, and ``answer``."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import cast

from sizewise.cascade.cascade import Cascade
from sizewise.core.answer import Answer
from sizewise.core.errors import InputError, RunError, SizewiseError
from sizewise.core.model import Specialist
from sizewise.data.answer_lines import answered
from sizewise.export.standalone.contents import Contents, confidence_of, read_contents
from sizewise.export.standalone.one_by_one import OneByOne

INTERRUPTED, LIMIT = 130, 3
HELP = """\
usage: {name} [FILE|-] [--columns input=text,id=number]

Reads JSON lines with `input` (and `id`) from FILE or standard input, and writes a line for each, in the same order:
id, answer, confidence, route. A row that cannot be read gives a line with `error`.
Exit status: 0 done, 2 the call or the input is wrong, 3 no space left, 130 interrupted.
"""


class Program:
    """A specialist in its ``folder``; ``make`` builds it from what the folder holds, on the first question."""

    def __init__(self, folder: Path, make: Callable[[Contents], Specialist]) -> None:
        self._folder = folder
        self._make = make
        self._load = cache(self._loaded)

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """Answers in the order of ``inputs``: value, confidence, route. Raises ``RunError`` where files are damaged.

        An input that is no text becomes an answer with ``error``.
        """
        return self._load()[0].answer(inputs)

    def main(self, name: str, arguments: Sequence[str]) -> int:
        """Run the command line; the exit status."""
        try:
            return self._obey(name, arguments)
        except SizewiseError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return error.exit_status
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:
            _drop_output()
            return 0
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            print(f"{name}: the disk is full.", file=sys.stderr)
            _drop_output()
            return LIMIT

    def _loaded(self) -> tuple[Cascade, Contents]:
        contents = read_contents(self._folder)
        about = contents.about
        try:
            specialist = cast("Specialist", OneByOne(self._make(contents)))  # all but saving, which nobody asks for
            model = Cascade(about["task"], specialist, confidence_of(contents), about["threshold"], about["has_large"])
        except (LookupError, TypeError, ValueError) as error:
            raise RunError(f"{self._folder} is damaged ({error!r}). Install or copy it again.") from error
        return model, contents

    def _obey(self, name: str, arguments: Sequence[str]) -> int:
        if {"-h", "--help"} & set(arguments):
            print(HELP.format(name=name), end="")
            return 0
        file, columns = _understood(arguments)
        model, contents = self._load()
        names = {"input": "input", "id": "id", **contents.about["columns"], **columns}
        try:
            source = nullcontext(cast("io.BufferedReader", sys.stdin.buffer)) if file == "-" else Path(file).open("rb")  # noqa: SIM115
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror}.") from error
        with source as opened:
            for lines in answered(opened, names, model.answer):
                sys.stdout.buffer.writelines(lines)
                sys.stdout.buffer.flush()
        return 0


def _understood(arguments: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The file to read, and the names of its columns."""
    files, columns, waiting = [], {}, list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--columns" and waiting:
            parts = [part.partition("=") for part in waiting.pop(0).split(",")]
            columns = {ours.strip(): theirs.strip() for ours, _, theirs in parts}
        elif argument.startswith("-") and argument != "-":
            raise InputError(f"there is no option {argument}. --help lists what there is.")
        else:
            files.append(argument)
    if len(files) > 1:
        raise InputError("name one file, or none to read standard input.")
    if not all(columns.values()) or not columns.keys() <= {"input", "id"}:
        raise InputError("--columns takes ours=theirs for input and id, for example --columns input=text.")
    return (files or ["-"])[0], columns


def _drop_output() -> None:
    """Nobody can take what is still buffered: let Python end without trying again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
