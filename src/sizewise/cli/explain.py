"""``sizewise serve --explain REQUEST.json``: for one request, which task it is, what is read of it, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer


def explain(
    request: Path, runs: Sequence[Path], store: str, by_name: Iterable[str] = (), *, as_json: bool = False
) -> None:
    """Say what would become of the request in a file: its body, or ``{"headers": …, "body": …}``.

    ``runs`` are those that would be served; where none are named, those that the state beside ``store`` names.
    Raises ``InputError`` where there are none, or where the file holds no request.
    """
    import msgspec

    from sizewise.core.errors import InputError
    from sizewise.gateway.explain import as_text, explained
    from sizewise.gateway.wire.chat import chat_request
    from sizewise.served import open_served

    headers, body = _read(request)
    asked = chat_request(body)
    if asked is None:
        raise InputError(f"{request} holds no request to /v1/chat/completions: an object with `model` and `messages`.")
    folders = list(runs) or _served_last(store)
    if not folders:
        raise InputError("no run: name those that would be served, as in `sizewise serve RUN --explain REQUEST.json`.")
    found = explained(headers, asked, [open_served(folder) for folder in folders], frozenset(by_name))
    typer.echo(msgspec.json.encode(found).decode() if as_json else as_text(found))


def _served_last(store: str) -> list[Path]:
    from sizewise.gateway.state import STATE_NAME, State, StateFile, state_folder

    folder = state_folder(store)
    state = StateFile(folder / STATE_NAME, State).read() if folder is not None else State()
    return [Path(task.run) for task in state.tasks.values()]


def _read(path: Path) -> tuple[Mapping[str, str], bytes]:
    import json

    from sizewise.core.errors import InputError

    try:
        raw = path.read_bytes()
        value: Any = json.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}.") from error
    if isinstance(value, dict) and isinstance(value.get("body"), dict) and "messages" not in value:
        headers = value.get("headers")
        named = headers if isinstance(headers, dict) else {}
        return {str(name).casefold(): str(text) for name, text in named.items()}, json.dumps(value["body"]).encode()
    return {}, json.dumps(value).encode()
