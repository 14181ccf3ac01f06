from __future__ import annotations

import base64
import csv
import hashlib
import io
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

from sizewise import decide
from sizewise.export.export import export
from sizewise.export.package import licence
from sizewise.export.packing import NUMPY, ONNX

ROOT = Path(__file__).resolve().parents[2]
HOSTILE_TASK = 'Обращения "клиентов"\n\nRequires-Dist: evil\n# heading | x'


def test_the_record_names_every_file_with_its_hash(served_run: Path, tmp_path: Path) -> None:
    (path,) = export(served_run, "wheel", tmp_path / "out").folder.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        (record,) = (name for name in wheel.namelist() if name.endswith(".dist-info/RECORD"))
        rows = list(csv.reader(io.StringIO(wheel.read(record).decode())))
        assert [row[0] for row in rows] == wheel.namelist()
        for name, promised, size in rows[:-1]:
            content = wheel.read(name)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (promised, int(size)) == (f"sha256={digest}", len(content))
        assert rows[-1] == [record, "", ""]


def test_a_task_of_any_name(log_file: Path, tmp_path: Path) -> None:
    task = tmp_path / "task.toml"
    name = HOSTILE_TASK.replace("\n", "\\n").replace('"', '\\"')
    task.write_text(f'[task]\nname = "{name}"\n[data]\npath = "{log_file}"\n[rungs.majority]\n', encoding="utf-8")
    run = decide(task, out=tmp_path / "run").folder
    (path,) = export(run, "wheel", tmp_path / "out").folder.glob("*.whl")
    assert path.name.startswith("sizewise_obrashcheniya_klientov_requires_dist_evil_heading_x-20")
    with zipfile.ZipFile(path) as wheel:
        (metadata,) = (n for n in wheel.namelist() if n.endswith("METADATA"))
        about = Parser().parsestr(wheel.read(metadata).decode())
    assert about["Name"] == "sizewise-obrashcheniya-klientov-requires-dist-evil-heading-x"
    assert about.get_all("Requires-Dist") == list(NUMPY)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "\n# heading" not in card
    assert "\nRequires-Dist" not in card


def test_bounds_and_licence_are_the_projects_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {*NUMPY, *ONNX} <= set(project["dependencies"])
    assert licence() == (ROOT / "LICENSE").read_bytes()
