"""Progress: a line for each step in words, its log where it is wanted, and what took how long."""

from __future__ import annotations

import pytest

from mlem.cli.terminal import messages
from mlem.cli.terminal.progress import Lines, Progress, on_terminal


class Clock:
    """A clock that goes on by what it is told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Recorder:
    """A view that keeps what it is to show."""

    def __init__(self) -> None:
        self.shown: list[tuple[object, ...]] = []

    def began(self, words: str) -> None:
        self.shown.append(("began", words))

    def ended(self, words: str, took_s: float, *, failed: bool) -> None:
        self.shown.append(("failed" if failed else "ended", words, round(took_s, 3)))

    def detail(self, text: str) -> None:
        self.shown.append(("detail", text))

    def aside(self, text: str) -> None:
        self.shown.append(("aside", text))


@pytest.fixture(autouse=True)
def _as_a_command_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "quiet", False)
    monkeypatch.setattr(messages, "verbose", False)


def test_a_line_begins_a_step_and_an_indented_one_belongs_to_it() -> None:
    view, clock = Recorder(), Clock()
    progress = Progress(view, clock)
    progress("installing numpy 2.4.6 and 12 more")
    clock.now_s += 24.0
    progress("  Collecting numpy==2.4.6")
    progress("note: release 2 was made meanwhile")
    progress("waiting until it answers")
    clock.now_s += 0.25
    progress.done(told=True)
    assert view.shown == [
        ("began", "installing numpy 2.4.6 and 12 more"),
        ("detail", "  Collecting numpy==2.4.6"),
        ("aside", "note: release 2 was made meanwhile"),
        ("ended", "installing numpy 2.4.6 and 12 more", 24.0),
        ("began", "waiting until it answers"),
        ("ended", "waiting until it answers", 0.25),
        ("aside", "took 24.2 s"),
        ("aside", "    24.0 s  installing numpy 2.4.6 and 12 more"),
    ]


def test_what_was_quick_is_not_told_of() -> None:
    clock = Clock()
    progress = Progress(Recorder(), clock)
    for words in ("one", "two", "three"):
        progress(words)
        clock.now_s += 0.4
    progress.done(told=True)
    assert progress.times() == []  # together it took a while, but no step did


def test_a_failed_step_shows_its_whole_log_but_what_the_error_says() -> None:
    view = Recorder()
    progress = Progress(view, Clock())
    progress("installing numpy")
    for line in ("  Collecting numpy", "  Downloading", "  no space left"):
        progress(line)
    progress("failed; putting release 2 back")
    progress.failed(ValueError("the build failed:\n    | no space left"))
    assert view.shown[-2:] == [
        ("failed", "failed; putting release 2 back", 0.0),
        ("aside", "the log of: installing numpy\n  Collecting numpy\n  Downloading"),
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("one line of the log")])
def test_there_is_no_log_where_somebody_interrupts_or_the_error_has_all_of_it(error: BaseException) -> None:
    view = Recorder()
    progress = Progress(view, Clock())
    progress("installing")
    progress("  one line of the log")
    progress.failed(error)
    assert view.shown[-1] == ("failed", "installing", 0.0)


@pytest.mark.parametrize(
    ("verbose", "expected"),
    [(False, ["installing", "took 2.0 s", "     2.0 s  installing"]), (True, ["installing", "  Collecting numpy"])],
)
def test_without_a_terminal_there_is_a_line_for_each_step_and_its_log_on_request(
    verbose: bool, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "verbose", verbose)
    lines: list[str] = []
    clock = Clock()
    progress = Progress(Lines(lines.append), clock)
    progress("installing")
    progress("  Collecting numpy")
    clock.now_s += 2
    progress.done(told=not verbose)
    assert lines == expected


def test_what_is_reported_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(Lines(), Clock())
    progress("installing \x1b]0;owned\x07 \r numpy")
    progress("warning: \x1b[2J gone")
    err = capsys.readouterr().err
    assert err == "installing \\x1b]0;owned\\x07 \\x0d numpy\nwarning: \\x1b[2J gone\n"


@pytest.mark.parametrize(
    ("term", "ci", "expected"),
    [("xterm-256color", "", True), ("dumb", "", False), ("", "", False), ("xterm", "true", False)],
)
def test_a_job_of_ci_has_no_terminal_whatever_it_says(
    term: str, ci: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TF_BUILD", "CIRCLECI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert on_terminal() is expected
