"""What a request must not be, looked at before its body is read."""

from __future__ import annotations

from collections.abc import Callable

from sizewise.gateway.call import Call
from sizewise.gateway.keys import Door
from sizewise.gateway.parts import UNRECORDED, Recording
from sizewise.gateway.settings import Settings
from sizewise.gateway.wire.errors import Refusal

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Admission:
    """Who may come in now. ``running`` says how many requests are being answered, this one included."""

    def __init__(self, settings: Settings, recorder: Recording, running: Callable[[], int]) -> None:
        self._most, self._door = settings.limits.concurrency, Door(settings)
        self._recorder, self._running = recorder, running

    def refusal(self, call: Call) -> Refusal | None:
        """Why ``call`` is turned away, ``None`` where it may come in."""
        if (why := self._door.refuses(call.headers)) is not None:
            status = 401 if "key of this gateway" in why else 403
            return Refusal(status, "not_let_in", f"{why[0].upper()}{why[1:]}.")
        if call.method not in METHODS:
            return Refusal(405, "method_not_allowed", f"{call.method} is not passed on.")
        if "/../" in call.path or call.path.endswith("/..") or "/./" in call.path or call.path.endswith("/."):
            return Refusal(400, "invalid_path", "A path with . or .. in it is not passed on.")
        if self._running() > self._most:
            return Refusal(503, "overloaded", f"{self._most:,} requests are being answered already.", retry_after=1)
        if not self._recorder.room():
            return UNRECORDED
        return None
