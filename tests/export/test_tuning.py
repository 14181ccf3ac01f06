"""Files to tune a large model with: train rows alone, and the contest's rows apart."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise import decide
from sizewise.core.errors import DataError, RunError
from sizewise.export.export import export
from sizewise.export.tuning.providers import providers, row
from sizewise.models.listing import listing

from .conftest import Done


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said(made: dict[str, Any]) -> tuple[str, str]:
    """The input and the label of a training row, whatever its format."""
    if "contents" in made:
        user, model = (turn["parts"][0]["text"] for turn in made["contents"])
    else:
        user, model = (message["content"] for message in made["messages"][-2:])
    return user, json.loads(model)["label"]


@pytest.mark.parametrize("to", ["openai-finetune", "bedrock-finetune", "cohere-finetune", "gemini-finetune"])
def test_train_rows_and_no_others(to: str, served_run: Path, tmp_path: Path) -> None:
    out = export(served_run, to, tmp_path / "out").folder
    train, held = (list(map(said, lines(out / name))) for name in ("train.jsonl", "validation.jsonl"))
    taught, asked = lines(out / "contest-train.jsonl"), lines(out / "contest-ask.jsonl")
    assert sorted(train + held) == sorted((row["input"], row["gold"]) for row in taught)
    assert len(held) <= min(len(taught) / 10, providers()[to].most_validation)
    ids = {row["id"] for row in taught}
    manifest = json.loads((served_run / "specialist" / "manifest.json").read_text())
    assert ids == set(manifest["training_ids"])
    assert not ids & {row["id"] for row in asked}
    assert {row["split"] for row in asked} == {"calibrate", "test"}
    told = lines(served_run / "predictions.jsonl")
    assert {row["id"]: row["gold"] for row in asked if row["split"] == "test"} == {t["id"]: t["llm"] for t in told}


def test_the_guide_names_cost_terms_and_dates(served_run: Path, tmp_path: Path) -> None:
    from sizewise.export.tuning.tuning import Choices

    choices = Choices("openai:gpt-4.1-mini", training_price=5.0)
    out = export(served_run, "openai-finetune", tmp_path / "out", tuning=choices).folder
    guide = (out / "README.md").read_text(encoding="utf-8")
    assert "At $5.00 per million training tokens, as given" in guide
    assert "OpenAI Services Agreement" in guide
    assert "read on 2026-" in guide
    assert "at the price of openai:gpt-4.1-mini before tuning (2026-" in guide
    assert "Сколько это может стоить" in (out / "README.ru.md").read_text(encoding="utf-8")
    bare = export(served_run, "cohere-finetune", tmp_path / "bare").folder
    assert "--training-price" in (bare / "README.md").read_text(encoding="utf-8")
    assert "deprecated fine-tuning" in (bare / "README.md").read_text(encoding="utf-8")


def test_the_tuned_model_enters_the_contest(served_run: Path, tmp_path: Path) -> None:
    """As the guide says, the answers of a tuned model played by ones that are right but for every tenth."""
    out = export(served_run, "openai-finetune", tmp_path / "out").folder
    tuned = tmp_path / "tuned.jsonl"
    rows = lines(out / "contest-ask.jsonl")
    labels = sorted({row["gold"] for row in rows})
    for number, asked in enumerate(rows):
        asked |= {"answer": asked["gold"] if number % 10 else labels[0], "model": "openai:ft:gpt-4.1-mini:us::1"}
    tuned.write_text("".join(json.dumps(asked) + "\n" for asked in rows), encoding="utf-8")
    verdict = decide(
        out / "contest-train.jsonl", tuned, out=tmp_path / "run", rungs=["majority", "keywords"], reference="gold"
    ).verdict
    assert verdict.large is not None
    assert verdict.large.model == "openai:ft:gpt-4.1-mini:us::1"
    assert verdict.large.accuracy is not None
    assert 0.85 < verdict.large.accuracy.value < 1
    first = json.loads((served_run / "verdict.json").read_text())["data"]["splits"]
    assert verdict.data.splits == first


def test_the_tuned_model_is_asked_as_it_was_tuned(
    sizewise: Callable[..., Done], log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the guide's own command, shown instead of sent: the prompt is the one that the training rows begin with."""
    task = tmp_path / "routes.toml"
    told = 'instructions = "Route a customer\'s message to the «right» team."\n'
    task.write_text(f'[task]\n{told}[data]\npath = "{log_file}"\n[rungs.keywords]\n', encoding="utf-8")
    run = decide(task, out=tmp_path / "run").folder
    out = export(run, "openai-finetune", tmp_path / "out").folder
    guide = (out / "README.md").read_text(encoding="utf-8")
    (command,) = [line for line in guide.splitlines() if line.startswith("sizewise label ")]
    arguments = command.replace("MODEL", "openai:ft:gpt-4.1-mini:us::1").replace("PROMPT,ANSWER", "2,8").split()[1:]
    arguments[1] = str(out / arguments[1])
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    done = sizewise(*arguments, "--dry-run")
    assert done.returncode == 0, done.stderr.decode()
    taught = lines(out / "train.jsonl")[0]["messages"][0]["content"]
    assert "«right» team" in taught
    shown = done.stdout.decode()
    for line in filter(None, taught.splitlines()):
        assert line in shown
    assert "Classify the text." not in shown


def test_only_the_runs_own_log_will_do(
    sizewise: Callable[..., Done], served_run: Path, log_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(log_file.read_text() + '{"input": "one more", "answer": "refund"}\n')
    arguments = ("export", served_run, "--to", "openai-finetune", "--out", "out", "--source")
    refused = sizewise(*arguments, other)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "is not the log that the run was made from" in refused.stderr.decode()
    assert sizewise(*arguments, tmp_path / "none.jsonl").returncode == 2
    assert not (tmp_path / "out").exists()
    moved = shutil.copy(log_file, tmp_path / "moved.jsonl")
    assert sizewise(*arguments, moved).returncode == 0


def test_what_may_not_leave_does_not(log_file: Path, tmp_path: Path) -> None:
    task = tmp_path / "task.toml"
    task.write_text(f'[data]\npath = "{log_file}"\n[bar]\nperimeter = "closed"\n[rungs.keywords]\n', encoding="utf-8")
    run = decide(task, out=tmp_path / "run").folder
    with pytest.raises(RunError, match="perimeter is closed"):
        export(run, "openai-finetune", tmp_path / "out")


def test_too_few_rows_for_the_provider(log_rows: list[dict[str, Any]], tmp_path: Path) -> None:
    log = tmp_path / "short.jsonl.gz"
    with gzip.open(log, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(r) + "\n" for r in log_rows[:150])
    run = decide(log, out=tmp_path / "run", rungs=["majority", "keywords"]).folder
    with pytest.raises(DataError, match="asks for 100 training rows at least"):
        export(run, "gemini-finetune", tmp_path / "out")


def test_every_provider_has_a_format_and_terms() -> None:
    for name, provider in providers().items():
        assert json.dumps(row(name, "system", "в", "ответ"), ensure_ascii=False).count("ответ") == 1
        assert provider.terms in listing().terms
