"""``sizewise demo``: the bundled task, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sizewise.cli.options import Lang, Language


def demo(
    out: Annotated[Path, typer.Option("--out", help="The run's folder; a finished one is made anew.")] = Path(
        "sizewise-demo"
    ),
    lang: Lang = Language.en,
) -> None:
    """Decide the bundled task: messages to an online shop's support, in Russian and English."""
    from importlib.resources import as_file, files

    from sizewise import pipeline
    from sizewise.cli.progress import ConsoleListener
    from sizewise.cli.terminal_text import plain
    from sizewise.report.terminal import summary
    from sizewise.stages.sources import resolve

    with as_file(files("sizewise.demo").joinpath("shop.toml")) as task_file:
        task, paths = resolve([task_file])
        with ConsoleListener() as listener:
            run = pipeline.decide(
                task,
                paths,
                out,
                listener=listener,
                language=lang.value,
                texts=True,
                force=True,
                command="sizewise demo",
            )
    typer.echo(summary(run.record, lang.value))
    typer.echo(plain(f"\n{run.folder / 'report.html'}\n{run.folder / 'verdict.json'}"))
