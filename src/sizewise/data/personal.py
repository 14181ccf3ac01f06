"""Personal data in texts, by kind: patterns with checksums or context words, precision first.

A number counts only where its form, its checksum or a word beside it says what it is: a bank's order numbers are
no cards. What is found is counted and masked, never kept. Sources of the rules: cards ISO/IEC 7812-1 (Luhn, issuer
prefixes), IBAN ISO 13616 (mod 97, lengths of its registry), ИНН order ММВ-7-6/435@, СНИЛС order 584п, ОГРН order
438н (checksums), SSN the Social Security Administration's unassigned areas, VAT numbers the forms of the EU's VIES.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

KINDS = (
    "email", "iban", "card", "snils", "inn", "ogrn", "ssn", "ein", "vat", "passport", "phone", "ip",
)  # fmt: skip
CONTEXT = 40
READ = 20_000

_WORTH_A_LOOK = re.compile(r"@|\d(?:\D{0,2}\d){5}|\d\.\d{1,3}\.\d{1,3}\.\d|[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:")
_LONG_NUMBER = re.compile(r"\+?\d(?:[ \u00a0\-().]{0,2}\d){6,}")
_ANY_E_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")


@dataclass(frozen=True, slots=True)
class Span:
    """Where in a text something personal stands, and of what kind it is."""

    kind: str
    start: int
    end: int


def luhn(digits: str) -> bool:
    """The check digit of payment cards.

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    total = sum(map(int, digits[-1::-2])) + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return total % 10 == 0


_CARD_LENGTHS = (
    (re.compile(r"4"), (13, 16, 19)), (re.compile(r"5[1-5]"), (16,)), (re.compile(r"3[47]"), (15,)),
    (re.compile(r"2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)"), (16,)), (re.compile(r"220[0-4]"), (16, 17, 18, 19)),
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 19)), (re.compile(r"62"), (16, 17, 18, 19)), (re.compile(r"35(?:2[89]|[3-8])"), (16,)),
    (re.compile(r"3(?:0[0-5]|[68])"), (14,)), (re.compile(r"50|5[6-9]|6[37]"), (16, 18, 19)),
)  # fmt: skip
_ORDER = re.compile(
    r"(?<![^\W_])(?:order|invoice|track\w*|parcel|reference|ref|ticket|transaction|booking|contract|serial|imei|id"
    r"|заказ\w*|накладн\w*|трек\w*|посылк\w*|отправлен\w*|счет\w*|счёт\w*|договор\w*|заявк\w*|обращени\w*|транзакци\w*|операци\w*)"
    r"[\s:#№.,\-]*(?:number|no|nr|num|номер\w*|id)?[\s:#№.,\-]*(?:is|was)?[\s:#№]*$",
    re.IGNORECASE,
)


def _is_card(digits: str, before: str, shown: str) -> bool:
    fits = any(start.match(digits) and len(digits) in lengths for start, lengths in _CARD_LENGTHS)
    if not fits or len(set(digits)) == 1 or not luhn(digits) or _ORDER.search(before):
        return False
    return _is_grouped(shown) or (shown.isdigit() and _about_cards(before))


def _is_grouped(shown: str) -> bool:
    """Digits in groups as they stand on a card, with one kind of gap throughout.

    Of other numbers of sixteen digits one in fifty has a card's prefix and check digit: those count only beside a
    word about cards.
    """
    gaps = set(re.sub(r"\d", "", shown))
    sizes = [len(part) for part in re.split(r"[ \u00a0\-]", shown)]
    return len(gaps) == 1 and (sizes[:-1] == [4] * (len(sizes) - 1) or sizes in ([4, 6, 5], [4, 6, 4]))


_IBAN_LENGTH = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
    "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip


def is_iban(text: str) -> bool:
    """Whether ``text``, without spaces, has the length of its country and a remainder of one by 97.

    >>> is_iban("GB82WEST12345698765432"), is_iban("GB83WEST12345698765432")
    (True, False)
    """
    if len(text) != _IBAN_LENGTH.get(text[:2].upper()):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def is_inn(digits: str) -> bool:
    """ИНН, the Russian taxpayer's number: ten digits of a company or twelve of a person.

    >>> is_inn("7707083893"), is_inn("500100732259"), is_inn("7707083894")
    (True, True, False)
    """
    ten, eleven, twelve = (
        (2, 4, 10, 3, 5, 9, 4, 6, 8),
        (7, 2, 4, 10, 3, 5, 9, 4, 6, 8),
        (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8),
    )
    if len(set(digits)) == 1:
        return False
    if len(digits) == 10:
        return _weighted(digits, ten) % 11 % 10 == int(digits[9])
    return (
        len(digits) == 12
        and _weighted(digits, eleven) % 11 % 10 == int(digits[10])
        and _weighted(digits, twelve) % 11 % 10 == int(digits[11])
    )


def is_snils(digits: str) -> bool:
    """СНИЛС, the Russian insurance number of a person.

    >>> is_snils("11223344595"), is_snils("11223344596")
    (True, False)
    """
    if len(digits) != 11 or len(set(digits[:9])) == 1:
        return False
    return _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, 1)) % 101 % 100 == int(digits[9:])


def is_ogrn(digits: str) -> bool:
    """ОГРН of a company (13 digits) or ОГРНИП of a sole trader (15).

    >>> is_ogrn("1027700132195"), is_ogrn("304500116000157"), is_ogrn("1027700132196")
    (True, True, False)
    """
    if len(digits) not in (13, 15) or digits[0] not in "12359" * (len(digits) == 13) + "34" * (len(digits) == 15):
        return False
    return int(digits[:-1]) % (len(digits) - 2) % 10 == int(digits[-1])


_FILE_ENDINGS = "png|jpe?g|gif|svg|webp|css|js|pdf|txt|html?|zip"
_E_MAIL = re.compile(
    rf"(?<![\w.+-])[\w.+-]{{1,64}}@(?:[\w-]{{1,63}}\.){{1,4}}(?!(?:{_FILE_ENDINGS})\b)[^\W\d_]{{2,24}}(?![\w-])",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}", re.ASCII)
_CARD = re.compile(r"(?<![\w.,+/-])\d(?:[ \u00a0-]?\d){12,18}(?![\w/]|[ -]?\d|[.,]\d)", re.ASCII)
_SNILS = re.compile(r"(?<![\d-])\d{3}-\d{3}-\d{3}[ \u00a0-]\d{2}(?!\d)", re.ASCII)
_SNILS_BARE = re.compile(r"(?<!\d)\d{11}(?!\d)", re.ASCII)
_INN = re.compile(r"(?<!\d)(?:\d{12}|\d{10})(?!\d)", re.ASCII)
_OGRN = re.compile(r"(?<!\d)(?:\d{15}|\d{13})(?!\d)", re.ASCII)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])", re.ASCII)
_EIN = re.compile(r"(?<![\w-])\d{2}-\d{7}(?![\w-])", re.ASCII)
_VAT = re.compile(
    r"(?<![A-Za-z0-9])(?:ATU\d{8}|BE[01]\d{9}|BG\d{9,10}|CY\d{8}[A-Z]|CZ\d{8,10}|DE\d{9}|DK\d{8}|EE\d{9}|EL\d{9}"
    r"|ES[A-Z0-9]\d{7}[A-Z0-9]|FI\d{8}|FR[A-Z0-9]{2}\d{9}|HR\d{11}|HU\d{8}|IE\d[A-Z0-9+*]\d{5}[A-Z]{1,2}|IT\d{11}"
    r"|LT(?:\d{9}|\d{12})|LU\d{8}|LV\d{11}|MT\d{8}|NL\d{9}B\d{2}|PL\d{10}|PT\d{9}|RO\d{2,10}|SE\d{12}|SI\d{8}|SK\d{10})"
    r"(?![A-Za-z0-9])",
    re.ASCII,
)
_PASSPORT_RU = re.compile(r"(?<!\d)\d{2} ?\d{2}[ \u00a0,№-]{0,3}(?:номер|№)?[ \u00a0:]{0,2}\d{6}(?!\d)", re.ASCII)
_PASSPORT_ABROAD = re.compile(
    r"(?<![\w-])(?:\d{2} ?№? ?\d{7}|[A-Z]{1,2}\d{6,8}|[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8}|\d{8,9})(?![\w-])",
    re.ASCII,
)
_PHONE_ABROAD = re.compile(r"(?<![\w+])\+[1-9](?:[ \u00a0\-.()]{0,2}\d){7,14}(?!\d)", re.ASCII)
_PHONE_RU = re.compile(
    r"(?<![\w+.,-])[78][ \u00a0-]?(?:\([3489]\d{2}\)|[3489]\d{2})[ \u00a0-]?\d{3}[ \u00a0-]?\d{2}[ \u00a0-]?\d{2}(?![\w-]|[.,]\d)",
    re.ASCII,
)
_PHONE_NANP = re.compile(r"(?<![\w+.,-])(?:1[ -])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}-)[2-9]\d{2}-\d{4}(?![\w-])", re.ASCII)
_PHONE_SAID = re.compile(r"(?<![\w+])\(?\d(?:[ \u00a0\-.()]{0,2}\d){6,12}(?!\d)", re.ASCII)
_IPV4 = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)", re.ASCII
)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII)


def _said(words: str, within: int = CONTEXT) -> Callable[[str], bool]:
    """Whether one of ``words`` stands in the last characters before a number."""
    pattern = re.compile(rf"(?<![^\W_])(?:{words})", re.IGNORECASE)
    return lambda before: bool(pattern.search(before[-within:]))


_about_cards = _said(r"cards?\b|visa|master ?card|amex|maestro|карт[аыеуо]|мир\b|виза\b")
_about_inn = _said(r"инн\b|inn\b", 25)
_about_snils = _said(r"снилс|snils")
_about_ogrn = _said(r"огрн(?:ип)?\b|ogrn(?:ip)?\b", 25)
_about_ein = _said(r"ein\b|employer id|federal tax|taxpayer id|tax id|fein\b")
_about_vat = _said(r"vat\b|ust\b|ust-?id|uid\b|tva\b|btw\b|iva\b|nip\b|moms\b|mwst|ндс")
_about_passport = _said(r"паспорт|загранпаспорт|серия|passport|reisepass|passeport")
_about_phone = _said(
    r"phone|telephone|tel\b|mobile|cell\b|call (?:me|us|back)|whatsapp|sms|viber|тел\b|телефон|моб\b|мобильн|сотов"
    r"|звон|перезвон|позвон|ватсап|вотсап|смс",
    25,
)
_about_versions = _said(r"version|ver\b|v\b|release|build|firmware|driver|версия|версии|верси|прошивк|сборк", 20)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_unseparated(text: str) -> bool:
    return text.isdigit()


def _is_russian_phone(shown: str, before: str) -> bool:
    """With separators by its form; eleven bare digits only beside a word about telephones."""
    return _about_phone(before) if _is_unseparated(shown) else not _ORDER.search(before)


def _is_ipv4(shown: str, before: str) -> bool:
    first = int(shown.split(".")[0])
    return 0 < first < 240 and not _about_versions(before)


def _is_ipv6(shown: str) -> bool:
    if sum(map(bool, shown.split(":"))) < 3:
        return False
    try:
        ipaddress.IPv6Address(shown)
    except ValueError:
        return False
    return True


#: kind, form, and what else must hold of (what was found, the text before it)
_RULES: tuple[tuple[str, re.Pattern[str], Callable[[str, str], bool]], ...] = (
    ("email", _E_MAIL, lambda shown, before: True),  # noqa: ARG005
    ("card", _CARD, lambda shown, before: _is_card(_digits(shown), before, shown)),
    ("snils", _SNILS, lambda shown, before: is_snils(_digits(shown))),  # noqa: ARG005
    ("snils", _SNILS_BARE, lambda shown, before: _about_snils(before) and is_snils(shown)),
    ("inn", _INN, lambda shown, before: _about_inn(before) and is_inn(shown)),
    ("ogrn", _OGRN, lambda shown, before: _about_ogrn(before) and is_ogrn(shown)),
    ("ssn", _SSN, lambda shown, before: not _ORDER.search(before)),  # noqa: ARG005
    ("ein", _EIN, lambda shown, before: _about_ein(before)),  # noqa: ARG005
    ("vat", _VAT, lambda shown, before: _about_vat(before)),  # noqa: ARG005
    ("passport", _PASSPORT_RU, lambda shown, before: _about_passport(before)),  # noqa: ARG005
    ("passport", _PASSPORT_ABROAD, lambda shown, before: _about_passport(before)),  # noqa: ARG005
    ("phone", _PHONE_ABROAD, lambda shown, before: True),  # noqa: ARG005
    ("phone", _PHONE_RU, _is_russian_phone),
    ("phone", _PHONE_NANP, lambda shown, before: not _ORDER.search(before)),  # noqa: ARG005
    ("phone", _PHONE_SAID, lambda shown, before: _about_phone(before) and len(_digits(shown)) <= 13),
    ("ip", _IPV4, _is_ipv4),
    ("ip", _IPV6, lambda shown, before: _is_ipv6(shown)),  # noqa: ARG005
)


def found(text: str) -> list[Span]:
    """What is personal in the first ``READ`` characters of ``text``: spans that do not overlap, in order.

    >>> [s.kind for s in found("карта 4111 1111 1111 1111, ann@example.com, ИНН 7707083893")]
    ['card', 'email', 'inn']
    """
    text = text[:READ]
    if not _WORTH_A_LOOK.search(text):
        return []
    spans: list[Span] = list(_ibans(text))
    for kind, form, holds in _RULES:
        for match in form.finditer(text):
            start, end = match.span()
            if any(s.start < end and start < s.end for s in spans):
                continue
            if holds(match[0], text[max(0, start - CONTEXT) : start]):
                spans.append(Span(kind, start, end))
    return sorted(spans, key=lambda s: s.start)


def _ibans(text: str) -> Iterator[Span]:
    for match in _IBAN.finditer(text):
        shown, length = match[0], _IBAN_LENGTH.get(match[0][:2])
        if length is None:
            continue
        taken = used = 0
        for character in shown:
            taken += 1
            used += character != " "
            if used == length:
                break
        followed = shown[taken : taken + 1] or text[match.end() : match.end() + 1]
        if not followed.isalnum() and is_iban(shown[:taken].replace(" ", "")):
            yield Span("iban", match.start(), match.start() + taken)


def counted(text: str) -> Counter[str]:
    """How often each kind occurs in ``text``; empty where nothing does."""
    return Counter(span.kind for span in found(text))


def masked(text: str) -> str:
    """``text`` with all that ``found`` knows masked, and, as a precaution, whatever looks like it.

    Here recall comes first: every e-mail address and every number of seven digits or more goes.

    >>> masked("mail ann@example.com or call +7 912 345-67-89")
    'mail ▇@▇ or call ▇▇▇'
    """
    parts, last = [], 0
    for span in found(text):
        parts += [text[last : span.start], "▇@▇" if span.kind == "email" else "▇▇▇"]
        last = span.end
    return _LONG_NUMBER.sub("▇▇▇", _ANY_E_MAIL.sub("▇@▇", "".join([*parts, text[last:]])))


def mask(text: str) -> tuple[str, Counter[str]]:
    """The whole of ``text`` as ``masked`` has it, however long, and how much of each kind was taken out.

    What is taken out as a precaution counts as ``email`` or ``number``.

    >>> mask("mail ann@example.com or call +7 912 345-67-89")
    ('mail ▇@▇ or call ▇▇▇', Counter({'email': 1, 'phone': 1}))
    """
    if not _WORTH_A_LOOK.search(text):
        return text, Counter()
    clean, counts = mask_known(text)
    clean, emails = _ANY_E_MAIL.subn("▇@▇", clean)
    clean, numbers = _LONG_NUMBER.subn("▇▇▇", clean)
    counts.update({kind: n for kind, n in (("email", emails), ("number", numbers)) if n})
    return clean, counts


def mask_known(text: str) -> tuple[str, Counter[str]]:
    """The whole of ``text`` without what ``found`` knows, and how much of each kind there was."""
    parts: list[str] = []
    counts: Counter[str] = Counter()
    for window in _windows(text):
        last = 0
        for span in found(window):
            parts += [window[last : span.start], "▇@▇" if span.kind == "email" else "▇▇▇"]
            last = span.end
            counts[span.kind] += 1
        parts.append(window[last:])
    return "".join(parts), counts


def _windows(text: str) -> Iterator[str]:
    """``text`` in pieces that ``found`` reads whole, cut at white space where there is any."""
    start = 0
    while len(text) - start > READ:
        end = max((text.rfind(gap, start + READ - 1_000, start + READ) for gap in (" ", "\n")), default=-1)
        end = end if end > start else start + READ
        yield text[start:end]
        start = end
    yield text[start:]
