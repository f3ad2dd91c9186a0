"""Which texts fit a few words best."""

from __future__ import annotations

from mcp_runtime.framework.ranking import Index, terms, tool_text, words


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    index = Index(["send mail", "send fax", "send letter", "read mail"])

    assert index.find("send fax") == [1, 0, 2]


def test_a_word_counts_more_in_a_short_text() -> None:
    assert Index(["mail " + "of many other words " * 5, "mail"]).find("mail") == [1, 0]


def test_equals_keep_their_order_and_strangers_are_left_out() -> None:
    assert Index(["b a", "x", "a b"]).find("a") == [0, 2]


def test_nothing_is_found_among_nothing() -> None:
    assert Index([]).find("a") == []
    assert Index(["a"]).find("") == []


def test_names_are_read_as_words() -> None:
    assert words("getUser_by-ID2") == ["get", "user", "by", "id", "2"]


def test_a_tool_is_found_by_its_parameters() -> None:
    schema = {"type": "object", "properties": {"city": {"description": "Where it rains."}, "odd": True}}

    assert tool_text("f", None, "About weather.", schema) == "f About weather. city Where it rains. odd"


def test_endings_and_the_many_names_of_an_action_are_one_word() -> None:
    assert terms("files filed filing") == ["fil", "fil", "fil"]
    assert terms("removes queries") == terms("delete search")
    assert terms("status class series bus") == ["status", "class", "seri", "bus"]


def test_words_of_other_scripts_are_words() -> None:
    assert Index(["погода в городе", "größe"]).find("ПОГОДА") == [0]
    assert words("größe") == ["größe"]


def test_a_word_of_the_name_counts_more() -> None:
    assert Index(["x send mail", "send x mail"], ["x", "send"]).find("send") == [1, 0]
