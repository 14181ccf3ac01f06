"""An exchange is frozen; a changed copy is made field by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sizewise.core.exchange import Exchange, altered

FULL = Exchange(**{name: f"{name} of it" for name in Exchange._fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", Exchange._fields)
def test_each_field_is_altered_alone(name: str) -> None:
    known: dict[str, Any] = {name: 7}
    changed = altered(FULL, **known)
    assert changed == FULL._replace(**known)
    assert type(changed) is Exchange
    assert changed != FULL


def test_nothing_known_is_a_copy() -> None:
    plain = Exchange("x", datetime(2026, 3, 1, tzinfo=UTC), "/")
    assert altered(plain) == plain
    assert altered(plain) is not plain


def test_it_stays_frozen_and_knows_its_fields() -> None:
    with pytest.raises(KeyError, match="colour"):
        altered(FULL, colour="red")
    with pytest.raises(AttributeError):
        altered(FULL, status=200).status = 500  # type: ignore[misc]
