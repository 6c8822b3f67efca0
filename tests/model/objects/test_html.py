"""What a notebook shows of values: as text, whatever is in them."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from mlem_model.objects.html import cell, fields, table


class Page(HTMLParser):
    """Keeps the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert attrs == []

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_table_has_a_line_for_each_thing_and_fields_for_what_is_known_of_one() -> None:
    assert table(["step", "why"], [["image", "a < b"]], "app") == (
        "<table><caption>app</caption><thead><tr><th>step</th><th>why</th></tr></thead>"
        "<tbody><tr><td>image</td><td>a &lt; b</td></tr></tbody></table>"
    )
    assert fields("one", [("model", "iris"), ("env", None), ("note", ""), ("number", 0)]) == (
        "<table><caption>one</caption>"
        "<tbody><tr><th>model</th><td>iris</td></tr><tr><th>number</th><td>0</td></tr></tbody></table>"
    )


@given(st.lists(st.text(), min_size=2, max_size=2))
def test_no_value_becomes_part_of_the_page(values: list[str]) -> None:
    first, second = values
    assert Page(table([first], [[second]], first)).tags == [
        "table",
        *(["caption"] if first else []),
        *["thead", "tr", "th"],
        "tbody",
        "tr",
        "td",
    ]
    assert "\u202e" not in cell(f"{first}\u202e{second}")


def test_a_value_is_shown_on_one_line_and_not_in_full_length() -> None:
    assert cell("a\nb\x1b[2J\u202ec'\"") == "a\\nb\\x1b[2J\\u202ec&#x27;&quot;"
    assert cell("x" * 1000) == "x" * 200 + "..."
    assert Page(cell("<img src=x onerror=alert(1)>")).tags == []
