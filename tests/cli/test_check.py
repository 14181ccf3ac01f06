from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import msgspec
import pytest

from sizewise.core.record import Audit, DataCheck

Run = Callable[..., "CompletedProcess[bytes]"]


@pytest.fixture
def odd_log(log_rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    """The common log with personal data, an odd text, a repeat, a line that is no row, and a hostile label."""
    rows = [dict(row) for row in log_rows]
    rows[0]["input"] += " write to ann.secret@example.com"
    rows[1]["input"] = "<script>alert(1)</script> Cбербанк"
    rows += [rows[2] | {"id": "again", "answer": "account", "gold": "account"}]
    rows += [{"id": f"h{i}", "input": f"hostile {'x' * i}", "gold": "\x1b[31m<b>red</b>"} for i in range(5)]
    path = tmp_path / "odd.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows) + "{broken\n", encoding="utf-8")
    return path


def test_the_summary_speaks_both_languages_and_shows_no_text(sizewise: Run, odd_log: Path) -> None:
    english, russian = (sizewise("check", odd_log, "--lang", lang) for lang in ("en", "ru"))
    assert english.returncode == russian.returncode == 0
    said, told = english.stdout.decode(), russian.stdout.decode()
    assert "306 rows were read, 1 rejected" in said
    assert "Прочитано строк: 306, отвергнуто: 1" in told
    for text in (said, told):
        assert "ann.secret" not in text
        assert "\x1b" not in text
        assert "{" not in text


def test_the_json_is_the_record(sizewise: Run, odd_log: Path) -> None:
    done = sizewise("check", odd_log, "--json")
    assert done.returncode == 0
    content = json.loads(done.stdout)
    audit = msgspec.convert(content.pop("audit"), Audit)
    check = msgspec.convert(content, DataCheck)
    assert check.rows == 306
    assert check.personal["email"].rows == 1
    assert check.oddities["html"].ids == ("r1",)
    assert check.oddities["mixed_script"].ids == ("r1",)
    assert check.repeats["exact"].contradicting == 1
    assert audit.rung == "keywords"
    assert audit.rows == check.splits["train"]
    assert b"ann.secret" not in done.stdout
    assert json.loads(sizewise("check", odd_log, "--json", "--no-audit").stdout)["audit"] is None


def test_a_folder_holds_the_check_the_rejects_and_a_page(sizewise: Run, odd_log: Path, tmp_path: Path) -> None:
    out = tmp_path / "checked"
    done = sizewise("check", odd_log, "--out", out, "--lang", "ru")
    assert done.returncode == 0
    assert sorted(p.name for p in out.iterdir()) == ["check.html", "data-check.json", "rejects.jsonl"]
    assert json.loads((out / "data-check.json").read_bytes())["rows"] == 306
    (reject,) = (out / "rejects.jsonl").read_text().splitlines()
    assert json.loads(reject)["raw"] == "{broken"
    page = (out / "check.html").read_text(encoding="utf-8")
    assert 'lang="ru"' in page
    assert "ann.secret" not in page
    assert "<script" not in page
    again = sizewise("check", odd_log, "--out", out)
    assert again.returncode == 2
    assert b"--force" in again.stderr
    assert sizewise("check", odd_log, "--out", out, "--force").returncode == 0


def test_a_cleaned_copy_stands_beside_its_changes(sizewise: Run, odd_log: Path, tmp_path: Path) -> None:
    target = tmp_path / "clean.jsonl"
    assert sizewise("check", odd_log, "--no-audit", "--fix", target).returncode == 0
    before = target.read_bytes()
    assert (tmp_path / "clean.jsonl.changes.jsonl").exists()
    refused = sizewise("check", odd_log, "--no-audit", "--fix", target)
    assert refused.returncode == 2
    assert target.read_bytes() == before
    assert sizewise("check", odd_log, "--no-audit", "--fix", odd_log, "--force").returncode == 2
    assert odd_log.read_bytes().endswith(b"{broken\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.jsonl"], b"no file"),
        (["odd.jsonl", "--fix-labels", "drop"], b"--fix-labels needs --fix"),
        (["odd.jsonl", "--fix", "x.jsonl", "--fix-labels", "drop", "--no-audit"], b"--fix-labels needs --fix"),
        (["odd.jsonl", "--columns", "input=nothing"], b"nothing"),
        (["odd.jsonl", "--strict-labels", "--only", "model=none"], b"no row matches"),
    ],
)
def test_a_wrong_call_is_refused_and_leaves_nothing(
    sizewise: Run, odd_log: Path, tmp_path: Path, arguments: list[str], says: bytes
) -> None:
    done = sizewise("check", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["odd.jsonl"]


def test_a_refused_log_leaves_no_half_written_rejects(sizewise: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("{broken\n" * 5)
    assert sizewise("check", log, "--out", tmp_path / "out").returncode == 2
    assert not list((tmp_path / "out").iterdir())
