from __future__ import annotations

from sizewise.data.languages import languages, script


def test_a_log_in_two_languages_is_told_apart() -> None:
    english = ["Where is my parcel?", "I would like my money back", "The card was declined at the shop"] * 5
    russian = ["Где моя посылка?", "Верните мне деньги", "Карту не приняли в магазине"] * 4
    assert dict(languages([*english, *russian, "42", "", "👍"])) == {"en": 15, "ru": 12, "und": 3}


def test_a_short_text_is_taken_to_be_in_a_language_of_the_log() -> None:
    log = ["Где мой заказ", "Когда придёт курьер, я жду его с самого утра", "Хочу вернуть товар, он не подошёл"] * 20
    told = languages([*log, "ок", "да", "нет"])
    assert set(told) <= {"ru", "und"}
    assert told["ru"] >= 60


def test_nothing_to_tell_is_nothing() -> None:
    assert not languages([])
    assert dict(languages(["1", "?"])) == {"und": 2}


def test_scripts_of_ascii_and_other_texts() -> None:
    assert script("ok?") == "Latin"
    assert script("Straße") == "Latin"
    assert script("ok, хорошо") == "Cyrillic"
    assert script("123 ?!") == "none"
    assert script("你好吗") == "Cjk"
