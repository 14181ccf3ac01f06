"""``sizewise``: every command, its exit status, and one clear message for whatever goes wrong."""

from __future__ import annotations

import atexit
import errno
import functools
import io
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

import sizewise
from sizewise.cli import (
    advise,
    ask,
    check,
    decide,
    demo,
    export,
    label,
    models,
    predict,
    promote,
    report,
    serve,
    traffic,
)
from sizewise.cli.interrupts import INTERRUPTED, KEPT, forget_interrupt, ignore_signals, interruptible
from sizewise.cli.terminal_text import plain
from sizewise.core.errors import InputError, SizewiseError

LIMIT = 3
REFUSED = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "the disk is full") | {errno.EIO: "the disk failed"}
Parameters = ParamSpec("Parameters")

app = typer.Typer(
    name="sizewise",
    help="Find the smallest language model that does your task as well as the large one, and prove it.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _Stopped(BaseException):
    """Carries an interrupt or a refusal of the system's past typer, which would end both in its own way."""


def _past_typer(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    @functools.wraps(command)
    def run(*args: Parameters.args, **options: Parameters.kwargs) -> None:
        try:
            command(*args, **options)
        except (KeyboardInterrupt, OSError) as error:
            raise _Stopped from error

    return run


app.command("decide")(_past_typer(decide.decide))
app.command("predict")(_past_typer(predict.predict))
app.command("report")(_past_typer(report.report))
app.command("check")(_past_typer(check.check))
app.command("demo")(_past_typer(demo.demo))
app.command("advise")(_past_typer(advise.advise))
app.command("ask")(_past_typer(ask.ask))
app.command("label")(_past_typer(label.label))
app.command("models")(_past_typer(models.models))
app.command("promote")(_past_typer(promote.promote))
app.command("export")(_past_typer(export.export))
app.command("serve")(_past_typer(serve.serve))
recorded = typer.Typer(help="What the gateway recorded: list it, export it, delete it.", no_args_is_help=True)
recorded.command("list")(_past_typer(traffic.list_))
recorded.command("export")(_past_typer(traffic.export))
recorded.command("delete")(_past_typer(traffic.delete))
app.add_typer(recorded, name="traffic")

FIRST_STEPS = """\
Sizewise finds the smallest language model that does your task as well as the large one, and proves it.
  sizewise demo                          see it all on the bundled task, in about a minute
  sizewise decide LOG.jsonl --out run    your own log: rows with `input` and `answer` (what the LLM said) or `gold`
  sizewise predict run rows.jsonl        answer new rows with what was built
  sizewise --help                        every command
"""


@app.callback(invoke_without_command=True)
def first_steps(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Show the version.", is_eager=True)
) -> None:
    """Say what to do first."""
    if version:
        typer.echo(f"sizewise {sizewise.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(FIRST_STEPS, nl=False)


def main() -> None:
    """Run the command line and end with the status that the contract names."""
    _open_what_is_closed()
    atexit.register(ignore_signals)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal need not speak UTF-8
    try:
        _refuse_what_is_no_text(sys.argv[1:])
        _obey()
    except SizewiseError as error:
        _say(str(error))
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        _say(KEPT)
        forget_interrupt()
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _drop_output()
        sys.exit(0)
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno not in REFUSED:
            raise
        what = (
            REFUSED[error.errno or 0] if isinstance(error, OSError) else "the memory of this machine does not suffice"
        )
        _say(f"{what}. What was done is kept: make room and run the same command again.")
        _drop_output()
        sys.exit(LIMIT)


def _open_what_is_closed() -> None:
    """A caller may have closed any of the three streams (``>&-``): read nothing from it, and write to nobody."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123


def _obey() -> None:
    with interruptible():
        try:
            app()
        except _Stopped as stopped:
            raise stopped.__cause__ or stopped from None


def _refuse_what_is_no_text(arguments: list[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise InputError(f"the argument {argument} is not UTF-8 text. Rename the file, or write it anew.") from None


def _drop_output() -> None:
    """Nobody can take what is still buffered: let Python end without trying again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> None:
    print(f"sizewise: {plain(message)}", file=sys.stderr)


if __name__ == "__main__":
    main()
