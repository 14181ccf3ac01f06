"""Other people's logs, from the command line: what is shown before it is used, and kept with the run."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Sizewise = Callable[..., subprocess.CompletedProcess[bytes]]
FRAME = "Classify the message.\nLabels: refund, delivery, account\nMessage: {input}\nLabel:"


def chats(rows: list[dict[str, Any]], frame: str = FRAME, system: str = "You are a router.") -> str:
    return "".join(
        json.dumps(
            {
                "request": {
                    "model": "m",
                    "messages": [
                        {"role": "system", "content": system},
                        {"role": "user", "content": frame.replace("{input}", row["input"])},
                    ],
                },
                "response": {"choices": [{"message": {"content": f'{{"label": "{row["answer"]}"}}'}}]},
                "id": row["id"],
            }
        )
        + "\n"
        for row in rows
    )


def test_a_frame_is_shown_then_accepted_then_kept(
    sizewise: Sizewise, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    odd = {"request": {"messages": [{"role": "user", "content": "no frame"}]}, "response": "refund"}
    (tmp_path / "log.jsonl").write_text(chats(log_rows) + json.dumps(odd) + "\n")
    for command in (["check", "log.jsonl"], ["decide", "log.jsonl", "--out", "run"]):
        refused = sizewise(*command)
        said = refused.stderr.decode()
        assert refused.returncode == 2
        assert "  | Message: {input}" in said
        assert "99.7% of 301 requests looked at" in said
        assert said.count("an input would be: “") == 2
    assert not (tmp_path / "run").exists()
    option = next(word for word in said.split() if word.startswith("@"))
    decide = ["decide", "log.jsonl", "--out", "run", "--rungs", "majority,keywords", "--template"]
    done = sizewise(*decide, option)
    assert done.returncode == 0, done.stderr.decode()
    assert "the input is cut out by the template" in " ".join(done.stderr.decode().split())
    task = tomllib.loads((tmp_path / "run" / "task.toml").read_text())
    assert task["data"]["template"] == FRAME
    check = json.loads((tmp_path / "run" / "data-check.json").read_text())
    assert check["answers"] == {"json": 300}
    assert any("cut out by the template" in sentence for sentence in check["found"])
    assert sum(check["rejected"].values()) == 1
    texts = sizewise("report", "run", "--texts")
    assert texts.returncode == 0, texts.stderr.decode()
    again = sizewise(*decide, FRAME)
    assert (again.returncode, "finished run" in again.stderr.decode()) == (2, True)  # the same run, not another one


def test_columns_found_by_name_are_kept_with_the_run(
    sizewise: Sizewise, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    text = "utterance,intent\n" + "".join(f"{row['input']},{row['gold']}\n" for row in log_rows)
    (tmp_path / "log.csv").write_text(text.replace(", ", " "))
    done = sizewise("decide", "log.csv", "--out", "run", "--rungs", "majority")
    assert done.returncode == 0, done.stderr.decode()
    assert "taken by their names: input=utterance, gold=intent" in " ".join(done.stderr.decode().split())
    columns = tomllib.loads((tmp_path / "run" / "task.toml").read_text())["data"]["columns"]
    assert columns == {"input": "utterance", "gold": "intent"}
    predicted = sizewise("predict", "run", stdin=json.dumps({"utterance": "where is my parcel"}).encode())
    assert "answer" in json.loads(predicted.stdout)


def test_whole_messages_are_used_and_said(sizewise: Sizewise, log_rows: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(chats(log_rows, "{input}"))
    done = sizewise("check", "log.jsonl", "--json")
    found = json.loads(done.stdout)["found"]
    assert any("the last message, as a whole, is the input" in sentence for sentence in found)
    raw = json.loads(sizewise("check", "log.jsonl", "--json", "--raw-answers").stdout)
    assert raw["answers"] == {}
    assert raw["labels"] == ['{"label": "account"}', '{"label": "delivery"}', '{"label": "refund"}']


def test_several_prompts_are_refused_or_split(
    sizewise: Sizewise, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    one, two = log_rows[:200], log_rows[200:]
    (tmp_path / "log.jsonl").write_text(chats(one, "{input}") + chats(two, "{input}", "You are another router."))
    refused = sizewise("check", "log.jsonl", "--json")
    said = refused.stderr.decode()
    assert refused.returncode == 2
    assert "mixes 2 values of `prompt_version`" in said
    assert "beginning “You are another router.”" in said
    option = next(word.rstrip(".\n") for word in said.split() if word.startswith("prompt_version="))
    kept = json.loads(sizewise("check", "log.jsonl", "--json", "--only", option).stdout)
    assert (kept["rows"], kept["left_out"]) == (200, 100)


def test_a_pipe_or_a_device_is_refused_and_never_waited_for(sizewise: Sizewise, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name in ("pipe.jsonl", "/dev/zero", "/dev/stdin"):
        refused = sizewise("check", name)
        assert refused.returncode == 2
        assert b"Save it as a file" in refused.stderr
