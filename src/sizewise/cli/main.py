"""``sizewise``: every command, its exit status, and one clear message for whatever goes wrong."""

from __future__ import annotations

import errno
import os
import sys

import typer

import sizewise
from sizewise.cli import check, decide, demo, predict, report
from sizewise.core.errors import SizewiseError

INTERRUPTED = 130
LIMIT = 3

app = typer.Typer(
    name="sizewise",
    help="Find the smallest language model that does your task as well as the large one, and prove it.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("decide")(decide.decide)
app.command("predict")(predict.predict)
app.command("report")(report.report)
app.command("check")(check.check)
app.command("demo")(demo.demo)

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
    try:
        app()
    except SizewiseError as error:
        _say(str(error))
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        _say("interrupted. What was done is kept: the same command goes on from there.")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENOSPC:
            raise
        _say("the disk is full." if isinstance(error, OSError) else "the memory of this machine does not suffice.")
        sys.exit(LIMIT)


def _say(message: str) -> None:
    safe = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in message)
    print(f"sizewise: {safe}", file=sys.stderr)


if __name__ == "__main__":
    main()
