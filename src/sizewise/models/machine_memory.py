"""The memory that is free on this machine, measured: what the kernel says is available, within the control group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sizewise.core.errors import LimitReached

MIB = 2**20
_ENDLESS = 2**60  # what a control group without a limit says, rounded down to pages


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """MiB that a new process may take, and what says so."""

    available_mib: float
    total_mib: float | None
    source: Literal["MemAvailable", "control group", "given"]


def machine_memory(root: Path = Path("/")) -> MachineMemory:
    """Available memory of the Linux system under ``root``. Raises ``LimitReached`` where the system does not tell."""
    try:
        fields = _fields((root / "proc/meminfo").read_text(encoding="ascii"))
        available, total = fields["MemAvailable"] / 1024, fields["MemTotal"] / 1024
    except (OSError, ValueError, KeyError):
        raise LimitReached(
            "this system does not say how much memory is free (no MemAvailable in /proc/meminfo). "
            "Give it yourself: --memory-mb 8000."
        ) from None
    rooms = [room for room in _group_rooms(root) if room is not None]
    if rooms and min(rooms) < available:
        return MachineMemory(max(0.0, min(rooms)), total, "control group")
    return MachineMemory(available, total, "MemAvailable")


def _fields(text: str) -> dict[str, float]:
    """``MemTotal:  123 kB`` as numbers; lines of another form are left out."""
    pairs = (line.split() for line in text.splitlines())
    return {parts[0].rstrip(":"): float(parts[1]) for parts in pairs if len(parts) >= 2 and parts[1].isdigit()}


def _group_rooms(root: Path) -> list[float | None]:
    """MiB left in this process's control group and in each group above it, version 2 and version 1."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    rooms: list[float | None] = []
    for line in lines:
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            base, limit, usage = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base, limit, usage = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        inside = [part for part in path.split("/") if part not in ("", ".", "..")]
        rooms += [_room(base.joinpath(*inside[:depth]), limit, usage) for depth in range(len(inside) + 1)]
    return rooms


def _room(group: Path, limit: str, usage: str) -> float | None:
    """MiB left in one group; pages of files that can be dropped at once count as free. ``None``: no limit."""
    try:
        most = int((group / limit).read_text(encoding="ascii"))
        used = int((group / usage).read_text(encoding="ascii"))
    except (OSError, ValueError):  # version 2 says "max" where there is no limit
        return None
    if most >= _ENDLESS:
        return None
    try:
        droppable = _fields((group / "memory.stat").read_text(encoding="ascii")).get("inactive_file", 0.0)
    except (OSError, ValueError):
        droppable = 0.0
    return (most - max(0.0, used - droppable)) / MIB
