"""The guide to the gateway and the files to deploy it with say what is so."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from sizewise.cli.main import app
from sizewise.gateway.metrics import Metrics

from .scripted_upstream import ScriptedUpstream
from .whole_server import serving

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
UNIT = (ROOT / "deploy" / "sizewise.service").read_text(encoding="utf-8")
CONTAINER = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def options(command: str) -> set[str]:
    help_text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    return set(re.findall(r"--[a-z][a-z-]+", help_text))


def commands(text: str) -> list[list[str]]:
    """Each ``sizewise …`` of ``text`` as words."""
    found = re.findall(r"(?:^|`|/bin/)(sizewise [a-z][^`#\n]*)", text, re.MULTILINE)
    return [shlex.split(one) for one in found]


@pytest.mark.parametrize("text", [GUIDE, UNIT], ids=["guide", "unit"])
def test_every_option_exists(text: str) -> None:
    told = commands(text)
    assert told
    for words in told:
        named = {word.split("=")[0] for word in words[2:] if word.startswith("--")}
        assert named <= options(words[1]), words
    for loose in re.findall(r"`(--[a-z-]+)", GUIDE):
        assert loose in options("serve") | options("promote") | options("decide"), loose


def test_the_metrics_of_the_guide_are_those_there_are() -> None:
    text = Metrics().exposition()[0].decode()
    there = {family.name for family in text_string_to_metric_families(text) if family.name.startswith("sizewise_")}
    told = {name.removesuffix("_total") for name in re.findall(r"`(sizewise_[a-z_]+)`", GUIDE)}
    assert told <= there
    there = {name for name in there if not name.endswith("_created")}
    assert there - told <= {"sizewise_masked", "sizewise_store_failures"}


def test_the_three_lines(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with serving(tmp_path, upstream=f"{upstream.url}/v1") as served:
        known = {**os.environ, "OPENAI_API_KEY": "sk-guide"}
        python = blocks("python")[0].replace("http://127.0.0.1:8321", served.url)
        (curl,) = (block for block in blocks("sh") if block.startswith("curl http"))
        shell = curl.replace("http://127.0.0.1:8321", served.url)
        ran: dict[str, Any] = {}
        for name, command in {"python": [sys.executable, "-c", python], "curl": ["bash", "-c", shell]}.items():
            done = subprocess.run(command, capture_output=True, env=known, check=False, timeout=60)
            assert done.returncode == 0, done.stderr
            ran[name] = done.stdout.decode()
        assert ran["python"].strip() == "Эхо 🦜: Where is my card?"
        assert json.loads(ran["curl"])["choices"][0]["message"]["content"] == "Эхо 🦜: Where is my card?"
        assert [seen.headers["authorization"] for seen in upstream.seen] == ["Bearer sk-guide"] * 2


def test_the_unit_starts_the_server(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    (line,) = re.findall(r"^ExecStart=\S+ serve (.*)$", UNIT, re.MULTILINE)
    words = shlex.split(line.replace("${SIZEWISE_UPSTREAM}", upstream.url))
    words[words.index("--store") + 1] = f"sqlite:///{tmp_path}/unit.db"
    del words[words.index("--port") : words.index("--port") + 2]
    with serving(tmp_path, *words) as served:
        assert served.get("/readyz")[0] == 200
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", str(ROOT / "deploy" / "sizewise.service")],
            capture_output=True,
            text=True,
            check=False,
        )
        complaints = [line for line in done.stderr.splitlines() if "sizewise.service" in line]
        assert all("is not executable" in line for line in complaints), (
            complaints
        )  # /opt/sizewise is not on this machine


def test_the_container_starts_the_server(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    (entry,) = re.findall(r"^ENTRYPOINT (\[.*\])$", CONTAINER, re.MULTILINE)
    words = json.loads(entry)
    assert words[:2] == ["sizewise", "serve"]
    words[words.index("--store") + 1] = f"sqlite:///{tmp_path}/container.db"
    words[words.index("--host") + 1] = "127.0.0.1"
    del words[words.index("--port") : words.index("--port") + 2]
    key = {"SIZEWISE_KEY": "a-key-of-the-gateway"}
    with serving(tmp_path, *words[2:], upstream=upstream.url, environment=key) as served:
        asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
        assert served.post(asked)[0] == 401
        assert served.post(asked, x_sizewise_key="a-key-of-the-gateway")[0] == 200
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINER, re.MULTILINE)
    assert all((ROOT / name).exists() for names in copied for name in names.split())
