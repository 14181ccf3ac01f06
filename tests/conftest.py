"""What many tests share: a small generated log, and one finished run on it, made once a session."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import sizewise
from sizewise.specialists.train import INSTALL, NEEDED

ROWS = 300
CAN_TRAIN = all(find_spec(package) for package in NEEDED)
LEAVE_OUT = not CAN_TRAIN and os.environ.get("SIZEWISE_TRAIN") == "never"
SAID = {
    "refund": ["where is my money back for {}", "I want a refund for order {}", "верните деньги за заказ {}"],
    "delivery": ["when will parcel {} arrive", "где мой заказ {}, курьер не приехал", "track the delivery {}"],
    "account": ["I cannot log in as {}", "не могу войти в кабинет {}", "reset the password of {}"],
}
AROUND = [
    "please",
    "today",
    "again",
    "urgent",
    "now",
    "still",
    "really",
    "быстро",
    "срочно",
    "пожалуйста",
    "thanks",
    "hello",
]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Tests in a folder ``train`` need that extra: not looked at where it is said to be left out."""
    return True if LEAVE_OUT and "train" in collection_path.parts else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Single tests that are marked ``train``: left out where that is said, else skipped where the extra is missing."""
    if CAN_TRAIN:
        return
    needy = [item for item in items if item.get_closest_marker("train")]
    if LEAVE_OUT:
        items[:] = [item for item in items if item not in needy]
        config.hook.pytest_deselected(items=needy)
    for item in needy:
        item.add_marker(pytest.mark.skip(reason=f"needs the extra `train`: {INSTALL}"))


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIZEWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("SIZEWISE_FOREIGN_CODE", "never")  # four times slower; its own tests allow it
        yield


@pytest.fixture(scope="session")
def log_rows() -> list[dict[str, Any]]:
    """300 messages, English and Russian, with gold and an LLM's answers of which about 5 % are wrong."""
    draw = random.Random(0)
    rows = []
    for number in range(ROWS):
        gold = draw.choice(list(SAID))
        text = draw.choice(SAID[gold]).format(draw.randrange(1000)) + " " + " ".join(draw.sample(AROUND, 3))
        answer = gold if draw.random() < 0.95 else draw.choice(list(SAID))
        rows.append(
            {
                "id": f"r{number}", "input": text, "gold": gold, "answer": answer, "model": "openai:gpt-4o",
                "latency_ms": round(draw.uniform(300, 900), 1), "prompt_tokens": 80, "completion_tokens": 4,
            }
        )  # fmt: skip
    return rows


@pytest.fixture(scope="session")
def log_file(log_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``log_rows`` as JSON lines."""
    path = tmp_path_factory.mktemp("log") / "messages.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in log_rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def finished_run(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of ``log_file`` by the rungs majority and keywords. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return sizewise.decide(log_file, out=folder, rungs=["majority", "keywords"]).folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 500 KiB, where this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=500k", "none", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs root and a mount of tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def interrupts_heard() -> Iterator[None]:
    """An interrupt is an exception in the main thread: where tests run side by side it would be ignored, and lost in
    hypothesis's own function that counts collections of garbage."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    others, gc.callbacks[:] = gc.callbacks[:], []
    yield
    gc.callbacks[:] = others
    signal.signal(signal.SIGINT, before)


def pytest_configure() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would all that tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Where no skip is allowed (SIZEWISE_ALLOW_SKIPS=0), say which tests were skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("SIZEWISE_ALLOW_SKIPS") == "0":
        terminalreporter.write_line(f"{len(skipped)} skipped, and no skip is allowed here", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skip is a failure where SIZEWISE_ALLOW_SKIPS is 0."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and os.environ.get("SIZEWISE_ALLOW_SKIPS") == "0":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
