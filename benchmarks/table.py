"""Run every benchmark, one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ORDER = ("import_time", "decide_banking", "guarantee", "clinc", "russian", "carves")

if __name__ == "__main__":
    for name in ORDER:
        print(f"# {name}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).parent / f"{name}.py")], check=True)
