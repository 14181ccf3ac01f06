"""The guide to recorded traffic: its commands run beside a store, and what it promises is what the code has."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sizewise.cli.main import app
from sizewise.core.exchange import Exchange
from sizewise.gateway import recorder
from sizewise.store.traffic import open_traffic

GUIDE = (Path(__file__).parent.parent / "docs" / "traffic.md").read_text(encoding="utf-8")


def record(path: Path, rows: list[dict[str, Any]]) -> None:
    now = datetime.now(UTC)
    with open_traffic(str(path)) as store:
        store.append(
            [
                Exchange(
                    id=row["id"], at=now - timedelta(hours=3 * number), path="/v1/chat/completions", status=200,
                    request=json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": row["input"]}]}).encode(),
                    response=json.dumps({"model": "gpt-4o", "choices": [{"message": {"content": row["answer"]}}]}).encode(),
                    route="large", task="shop", mode="shadow", model="gpt-4o", input=row["input"],
                    subject=f"customer-{number % 30}",
                )
                for number, row in enumerate(rows)
            ]
        )  # fmt: skip


def test_every_command_of_the_guide_works(
    log_rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path / "sizewise-traffic.db", log_rows)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 8
    said = []
    for line in lines:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output, done.exception)
        said.append(done.output)
    assert "20 of 56 exchanges" in said[0]
    assert len(json.loads(said[1])["exchanges"]) == 5
    assert len((tmp_path / "rows.jsonl").read_text("utf-8").splitlines()) == 240
    assert json.loads((tmp_path / "run" / "verdict.json").read_bytes())["data"]["rows"] == 300
    assert said[-3].startswith("10 exchanges would be deleted")
    assert said[-2].startswith("10 exchanges deleted; nothing of what was deleted is left")
    assert said[-1].startswith("58 exchanges deleted")


def test_the_numbers_of_the_guide() -> None:
    assert f"{recorder.CAPACITY:,} of them or {recorder.CAPACITY_BYTES >> 20} MiB" in GUIDE
    assert f"wait at most {recorder.PATIENCE:.0f} s" in GUIDE
    options = inspect.signature(recorder.Recorder).parameters
    assert f"After {options['retention_days'].default} days" in GUIDE
    assert options["on_full"].default == "serve"
