"""The guide to labelling: its commands run against a scripted upstream, its table names every provider."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from sizewise.llm.providers import providers
from sizewise.llm.scripted.upstream import Upstream

GUIDE = (Path(__file__).parents[2] / "docs" / "label.md").read_text(encoding="utf-8")
TEXTS = ["where is my parcel with the {} {}", "верните деньги за {} {}", "I cannot log in with my {} {}"]
THINGS = ("lamp", "книга", "phone", "чайник", "chair", "ковёр", "shoes", "table", "mirror", "шкаф")


def test_every_command_of_the_guide_works(tmp_path: Path) -> None:
    rows = [json.dumps({"input": TEXTS[i % 3].format(THINGS[i // 3 % 10], THINGS[i // 30])}) for i in range(240)]
    (tmp_path / "tickets.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "tickets.toml").write_text(
        '[task]\ninstructions = "Route it."\nlabels = ["refund", "delivery", "account"]\n[data]\npath = "tickets.jsonl"\n',
        encoding="utf-8",
    )
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    commands = [line.split("  #")[0] for line in lines if line.startswith("sizewise ")]
    named = [line.split()[1] for line in commands]
    assert named == ["label", "label", "ask", "decide", "label", "label", "decide", "label"]
    asked: list[int] = []
    with Upstream() as upstream:
        for line in commands:
            done = subprocess.run(
                [sys.executable, "-m", "sizewise.cli.main", *shlex.split(line)[1:], "--base-url", f"{upstream.address}/v1"],
                cwd=tmp_path, env=os.environ | {"OPENAI_API_KEY": "sk-guide-0123456789", "PYTHONUTF8": "1"},
                capture_output=True, text=True, check=False, timeout=240,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            assert done.stdout.strip(), line
            asked.append(len(upstream.seen))
    assert asked[:3] == [0, 240, 241]
    assert asked[3] >= 241 + 2 * 48, "the test rows twice, and what the probe asks with the rest of the budget"
    assert asked[4] == asked[3], "a dry run"
    assert 12 <= asked[5] - asked[4] <= 14, "sixty inputs for three labels, five a call"
    assert asked[5:] == [asked[5]] * 3
    more = json.loads((tmp_path / "run-more" / "verdict.json").read_text(encoding="utf-8"))
    assert more["data"]["augmented"] == 60
    assert len((tmp_path / "labelled.review.csv").read_text(encoding="utf-8-sig").splitlines()) == 21
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["large"]["self_agreement"]["n"] == 48


def test_the_table_names_every_provider_with_its_keys() -> None:
    for name, provider in providers().items():
        assert f"`{name}:`" in GUIDE
        for variable in provider.keys:
            assert f"`{variable}`" in GUIDE
