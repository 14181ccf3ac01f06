"""Free memory as the kernel and the control group tell it, on made-up systems and on this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sizewise.core.errors import LimitReached
from sizewise.models.machine_memory import machine_memory

MEMINFO = "MemTotal:       8388608 kB\nMemFree:  10 kB\nMemAvailable:    4194304 kB\nHugePages_Total:       0\n"


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_without_a_limit_the_kernels_word_counts(tmp_path: Path) -> None:
    found = machine_memory(system(tmp_path, {}))
    assert (found.available_mib, found.total_mib, found.source) == (4_096, 8_192, "MemAvailable")


def test_a_limit_of_version_2_on_a_group_above_counts_and_droppable_pages_are_free(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/ящик"
    found = machine_memory(
        system(
            tmp_path,
            {
                "proc/self/cgroup": "0::/ящик/inner\n",
                f"{group}/memory.max": "1073741824\n",
                f"{group}/memory.current": "629145600\n",
                f"{group}/memory.stat": "anon 1\ninactive_file 104857600\n",
                f"{group}/inner/memory.max": "max\n",
                f"{group}/inner/memory.current": "1\n",
            },
        )
    )
    assert (found.available_mib, found.source) == (1_024 - 500, "control group")


def test_a_limit_of_version_1_counts_and_an_endless_one_does_not(tmp_path: Path) -> None:
    memory = "sys/fs/cgroup/memory"
    root = system(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu:/a\n4:memory:/a\n0::/\n",
            f"{memory}/memory.limit_in_bytes": "9223372036854771712\n",
            f"{memory}/memory.usage_in_bytes": "5\n",
            f"{memory}/a/memory.limit_in_bytes": "536870912\n",
            f"{memory}/a/memory.usage_in_bytes": "268435456\n",
        },
    )
    assert machine_memory(root).available_mib == 256
    (root / memory / "a/memory.usage_in_bytes").write_text("999999999999\n", encoding="utf-8")
    assert machine_memory(root).available_mib == 0, "over its limit, and never below nothing"


@pytest.mark.parametrize("meminfo", ["", "MemTotal: 5 kB\n", "\x00\x01 nonsense\n", "MemAvailable: many kB\n"])
def test_a_system_that_does_not_tell_is_said_with_the_way_out(tmp_path: Path, meminfo: str) -> None:
    with pytest.raises(LimitReached, match="--memory-mb"):
        machine_memory(system(tmp_path, {"proc/meminfo": meminfo}))


def test_another_system_than_linux_is_said_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(LimitReached, match="--memory-mb"):
        machine_memory(tmp_path)


@pytest.mark.parametrize("group", ["", "nonsense", "0::/../../etc\n", "::::\n", "4:memory:\n"])
def test_a_strange_group_is_left_out(tmp_path: Path, group: str) -> None:
    assert machine_memory(system(tmp_path, {"proc/self/cgroup": group})).source == "MemAvailable"


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="a Linux system tells its memory")
def test_this_machine_has_some_memory_free_and_not_more_than_there_is() -> None:
    found = machine_memory()
    assert found.total_mib is not None
    assert 0 < found.available_mib <= found.total_mib
