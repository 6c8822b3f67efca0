"""What others wrote is no command to the runner of a CI job, and stays what it is as a value."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem.cli.terminal.markdown import code, markdown_table
from mlem.cli.terminal.messages import plain
from mlem.cli.terminal.output import to_json
from mlem.cli.terminal.workflow_commands import annotation

LINES = st.lists(st.sampled_from([*"#:[ \t\n\r]", "::", "##[", "error", "vso", "\u200b", "\u00ad", "\u2003", "a"])).map(
    "".join
)


def is_a_command(line: str) -> bool:
    """Say whether a runner would take a line for a command, by the rule of GitHub's own one."""
    seen = re.sub(r"[\u200b\u00ad]", "", line)  # a comparison by a culture leaves them out
    return seen.lstrip().startswith("::") or "##[" in seen or "##vso[" in seen


@pytest.fixture(autouse=True, params=["GITHUB_ACTIONS", "TF_BUILD"])
def _in_a_job(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv(request.param, "true" if request.param == "GITHUB_ACTIONS" else "True")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::add-mask::x", "\\x3a:add-mask::x"),
        ("  ::stop-commands::x", "  \\x3a:stop-commands::x"),
        ("\u2003\u200b:\u200b:error::x", "\u2003\u200b\\x3a\u200b:error::x"),
        ("fine\n::error::x", "fine\n\\x3a:error::x"),
        ("log: ##[error]x", "log: \\x23#[error]x"),
        ("##vso[task.setvariable variable=x]y", "\\x23#vso[task.setvariable variable=x]y"),
        ("at 10::20, a::b, # [x]", "at 10::20, a::b, # [x]"),
    ],
)
def test_a_line_of_others_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(LINES)
def test_no_line_is_a_command(text: str) -> None:
    assert [line for line in re.split(r"[\r\n]", plain(text)) if is_a_command(line)] == []


@given(LINES)
def test_a_value_in_json_stays_the_same_and_is_no_command(text: str) -> None:
    written = plain(to_json([{text: text}, text]))
    assert json.loads(written) == [{text: text}, text]
    assert not is_a_command(written)


def test_outside_of_a_job_a_text_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("TF_BUILD", raising=False)
    assert plain("::error::x ##[y]") == "::error::x ##[y]"


def test_an_annotation_is_one_line_with_the_runners_escapes() -> None:
    assert annotation("error", "a: b, 5%", "1: 50%,\r\nnext") == "::error title=a%3A b%2C 5%25::1: 50%25,%0D%0Anext"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a|b\n| c", "<code>a&#124;b &#124; c</code>"),
        ("`x` **y** <img src=x>", "<code>&#96;x&#96; &#42;&#42;y&#42;&#42; &#60;img src=x&#62;</code>"),
        ("@all see https://x.org #1 !2 $3$", "<code>&#64;all see https&#58;//x.org &#35;1 &#33;2 &#36;3&#36;</code>"),
        ("www.x.org a.b", "<code>www&#46;x.org a.b</code>"),
        ("</code>&amp;", "<code>&#60;/code&#62;&#38;amp;</code>"),
        ("", ""),
    ],
)
def test_a_value_in_markdown_is_shown_on_one_line(value: str, shown: str) -> None:
    assert code(value) == shown


@given(st.text())
def test_no_value_leaves_its_cell(value: str) -> None:
    assert len(re.findall(r"\|", markdown_table(["a"], [[code(value)]]))) == 6
    assert not re.search(r"[<>@`\n]", code(value).removeprefix("<code>").removesuffix("</code>"))
