"""What counts as personal data, and above all what does not."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.data.personal import KINDS, counted, found, is_iban, luhn, masked

TRUE = [
    ("email", "write to ann.smith+shop@mail.example.co.uk please"),
    ("email", "почта: иван@почта.рф"),
    ("email", "ANN_1@EXAMPLE.COM, thanks"),
    ("card", "my card 4111 1111 1111 1111 was declined"),
    ("card", "карта 2200770000000002 не проходит"),
    ("card", "карта 2202-2000-0000-0008"),
    ("card", "Visa: 4111111111111111"),
    ("card", "amex 3782 822463 10005"),
    ("iban", "send it to GB82 WEST 1234 5698 7654 32 today"),
    ("iban", "DE89370400440532013000"),
    ("snils", "СНИЛС 112-233-445 95"),
    ("snils", "112-233-445 95"),
    ("snils", "мой снилс 11223344595"),
    ("inn", "ИНН 7707083893"),
    ("inn", "ИНН: 500100732259"),
    ("ogrn", "ОГРН 1027700132195"),
    ("ogrn", "ОГРНИП 304500116000157"),
    ("ssn", "my SSN is 123-45-6789"),
    ("ein", "EIN 12-3456789"),
    ("vat", "our VAT number is DE136695976"),
    ("vat", "USt-IdNr. ATU12345678"),
    ("passport", "паспорт 45 08 123456 выдан"),
    ("passport", "серия 4508 номер 123456"),
    ("passport", "загранпаспорт 71 1234567"),
    ("passport", "passport no. 123456789"),
    ("passport", "my passport: C01X00T47"),
    ("phone", "+7 912 345-67-89"),
    ("phone", "8 (916) 123-45-67"),
    ("phone", "8-800-555-35-35"),
    ("phone", "позвоните 89161234567"),
    ("phone", "+44 20 7946 0958"),
    ("phone", "call me at 020 7946 0958"),
    ("phone", "(415) 555-2671"),
    ("phone", "415-555-2671"),
    ("ip", "my address is 192.168.0.17 now"),
    ("ip", "host 2001:db8::ff00:42:8329 is down"),
]
FALSE = [
    "5555555555554444",  # no word about cards
    "it is 4111111111111111",
    "order 4111111111111111 has not arrived",
    "заказ № 4111111111111111",
    "номер заказа 5555555555554444",
    "4111111111111112",  # one digit off
    "0000000000000000",
    "1234567890123456",
    "transaction id 4111 1111 1111 1111",
    "GB83 WEST 1234 5698 7654 32",
    "DE89370400440532013001",
    "7707083893",  # a number of ten digits alone is an order's
    "ИНН 7707083894",
    "112-233-445 96",
    "1027700132195",
    "ОГРН 1027700132196",
    "000-12-3456 and 666-12-3456 and 123-00-4567",
    "part number 12-3456789",
    "DE136695976",
    "45 08 123456",
    "89161234567",
    "order 8 916 123 45 67",
    "2026-11-23 22:10:11",
    "23.11.2026 10:15",
    "version 10.0.19.45 of the app",
    "версия 1.2.3.4",
    "999.1.1.1 and 1.2.3.4.5",
    "std::string a::b at 12:30:45",
    "icon@2x.png and @ann and user@localhost",
    "1 000 000 000 рублей",
    "12345678",
    "C++ 100% 50/50 3.14159265358979",
    "",
]


@pytest.mark.parametrize(("kind", "text"), TRUE)
def test_what_is_personal_is_found_as_its_kind_and_once(kind: str, text: str) -> None:
    assert dict(counted(text)) == {kind: 1}


@pytest.mark.parametrize("text", FALSE)
def test_what_only_looks_personal_is_not(text: str) -> None:
    assert not counted(text)


def test_one_text_may_hold_several_kinds() -> None:
    text = "карта 4111 1111 1111 1111, ann@example.com и bob@example.com, ИНН 7707083893"
    assert dict(counted(text)) == {"card": 1, "email": 2, "inn": 1}


def test_numbers_of_orders_are_no_cards() -> None:
    """Of random numbers of sixteen digits two or three in a hundred have a card's prefix and check digit."""
    draw = random.Random(0)
    for before in ("it is", "заказ", "order no.", "my id"):
        assert not any(counted(f"{before} {draw.randrange(10**15, 10**16)}") for _ in range(1_000))


@pytest.mark.parametrize(("kind", "text"), TRUE)
def test_all_that_is_found_is_masked(kind: str, text: str) -> None:
    for span in found(text):
        assert text[span.start : span.end] not in masked(text)
    assert "▇" in masked(text)


@pytest.mark.parametrize("text", ["4111111111111112", "a@b.cc", "заказ 12345678", "+1 2 3 4 5 6 7"])
def test_what_is_shown_masks_more_than_is_counted(text: str) -> None:
    assert "▇" in masked(text)


@given(st.text(max_size=300))
def test_any_text_is_looked_through(text: str) -> None:
    spans = found(text)
    assert all(s.kind in KINDS and 0 <= s.start < s.end <= len(text) for s in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    masked(text)


@given(st.text("0123456789 -+().@abcаб:№", max_size=400))
def test_numbers_of_every_form_are_looked_through(text: str) -> None:
    assert isinstance(masked(text), str)
    assert {span.kind for span in found(text)} <= set(KINDS)


def test_a_long_text_takes_no_long_time() -> None:
    for piece in ("1 ", "a@", "1-", "+7", "DE89", "a.", "1:", "паспорт "):
        assert {span.kind for span in found(piece * 20_000)} <= set(KINDS)


def test_checksums_hold_their_published_examples() -> None:
    assert luhn("79927398713")
    assert not luhn("79927398710")
    assert is_iban("FR1420041010050500013M02606")
    assert is_iban("RU0204452560040702810412345678901")
