"""A scripted upstream for each test of the gateway that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .scripted_upstream import ScriptedUpstream


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as served:
        yield served
