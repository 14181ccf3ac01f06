"""A wheel, written by ourselves: the same files give the same bytes, on any machine.

The format is the packaging specifications' "Binary distribution format" with "Core metadata" 2.4
(https://packaging.python.org/en/latest/specifications/). Entries are sorted, dated alike and stored as they are:
what compression makes of them differs from one zlib to the next.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import sizewise
from sizewise.export.publish import Content
from sizewise.store.disk import explained

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can hold
_MODE = (stat.S_IFREG | 0o644) << 16


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is to be installed: ``files`` by their path below the environment's folder of packages."""

    name: str
    version: str
    summary: str
    description: str
    requires: Sequence[str]
    files: Mapping[str, Content]
    licence: bytes

    @property
    def _stem(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}"

    @property
    def wheel_name(self) -> str:
        return f"{self._stem}-py3-none-any.whl"


def write_wheel(folder: Path, distribution: Distribution) -> Path:
    """Write the wheel into ``folder`` and return its path."""
    about = f"{distribution._stem}.dist-info"
    files: dict[str, Content] = {
        **dict(sorted(distribution.files.items())),
        f"{about}/METADATA": _metadata(distribution).encode(),
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: sizewise {sizewise.__version__}\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n".encode(),
        f"{about}/licenses/LICENSE": distribution.licence,
    }
    path = folder / distribution.wheel_name
    record = []
    with explained(path), zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            digest, size = _add(archive, name, content)
            record.append(f"{name},sha256={digest},{size}")
        _add(archive, f"{about}/RECORD", "\n".join([*record, f"{about}/RECORD,,", ""]).encode())
    with explained(path), path.open("rb") as written:
        os.fsync(written.fileno())
    return path


def _add(archive: zipfile.ZipFile, name: str, content: Content) -> tuple[str, int]:
    """Add one file; its SHA-256 as RECORD writes it, and its size."""
    entry = zipfile.ZipInfo(name, _DATE)
    entry.external_attr, entry.create_system = _MODE, 3
    entry.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
    source: IO[bytes] = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
    with source, archive.open(entry, "w") as target:
        digest = hashlib.file_digest(source, "sha256").digest()  # type: ignore[arg-type]
        source.seek(0)
        shutil.copyfileobj(source, target, 1 << 20)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), entry.file_size


def _metadata(distribution: Distribution) -> str:
    requires = "".join(f"Requires-Dist: {need}\n" for need in distribution.requires)
    return (
        f"Metadata-Version: 2.4\nName: {distribution.name}\nVersion: {distribution.version}\n"
        f"Summary: {' '.join(distribution.summary.split())}\nRequires-Python: >=3.11\n"
        f"License-Expression: Apache-2.0 AND LicenseRef-weights-as-their-owner-decides\nLicense-File: LICENSE\n"
        f"{requires}Description-Content-Type: text/markdown\n\n{distribution.description}"
    )
