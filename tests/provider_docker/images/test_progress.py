"""What a build and a transfer say: steps in words, bytes, and the whole log as what goes on in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlem import LockedError, Model
from mlem_image import ImageOptions, Recipe
from mlem_model.artifacts.artifact import Artifact
from mlem_provider_docker.images import dockerfile
from mlem_provider_docker.images.progress.build_log import BuildLog
from mlem_provider_docker.images.progress.layers import Layers, sending
from mlem_provider_docker.images.progress.words import numbered, packages, words_of

MODEL = Model.from_data(
    {
        "model_type": "sklearn",
        "artifacts": {"data": Artifact(uri="iris", size_bytes=2823, sha256="0" * 64).model_dump()},
        "methods": {},
        "requirements": [
            {"module": "numpy", "version": "2.4.6", "package_name": "numpy"},
            {"module": "pandas", "version": "3.1.1", "package_name": "pandas"},
            {"module": "sklearn", "version": "1.9.1", "package_name": "scikit-learn"},
        ],
        "python": "3.11.7",
    },
    "the test",
)


@pytest.mark.parametrize(
    ("requirements", "number", "expected"),
    [
        (["numpy==2.4.6", "pandas==3.1.1", "scikit-learn==1.9.1"], 13, "pandas 3.1.1, scikit-learn 1.9.1 and 11 more"),
        (["numpy==2.4.6"], None, "numpy 2.4.6 and what they need"),
        (["numpy==2.4.6"], 1, "numpy 2.4.6"),
        (["a @ git+https://host/a@abc", "b>=2"], 0, "a, b"),
        (["a[extra]==1", "b===2", "c"], 0, "a 1, b 2 and 1 more"),
        ([], None, "packages"),
        ([], 9, "9 packages"),
    ],
)
def test_packages_are_named_with_their_versions(requirements: list[str], number: int | None, expected: str) -> None:
    assert packages(requirements, number) == expected


@pytest.mark.parametrize("options", [{}, {"mlem_version": "0.5.0"}, {"build_arguments": {"A": "1"}}])
@pytest.mark.parametrize("pinned", [False, True])
def test_every_instruction_that_takes_time_says_what_it_does(options: dict[str, Any], pinned: bool) -> None:
    recipe = Recipe.of(ImageOptions(**options), MODEL)
    text = dockerfile.render(recipe, {}, pinned=pinned)
    said = numbered(text, words_of(recipe, MODEL, 21))
    assert [words for words in said if words] == [
        *([] if pinned else ["choosing packages for pandas 3.1.1, scikit-learn 1.9.1 and 1 more"]),
        "installing pandas 3.1.1, scikit-learn 1.9.1 and 19 more",
        *([] if options.get("mlem_version") else ["installing mlem-model, mlem-server from this machine"]),
        "copying the packages into the image",
        "taking away what a server has no use for",
        "copying the model into the image (2.8 kB)",
    ]
    assert len(said) == len(dockerfile.instructions(text))


def stream(*lines: str) -> list[dict[str, Any]]:
    return [{"stream": f"{line}\n"} for line in lines]


def followed(messages: Sequence[dict[str, Any]]) -> tuple[str | None, list[str]]:
    def steps(number: int) -> list[str]:
        return ["", "choosing", f"installing {number}", "copying"]

    lines: list[str] = []
    return BuildLog(steps(0), lines.append, steps).follow(messages, lambda: None), lines


CHOSEN = stream("Step 2/4 : RUN choose", " ---> Running in 0123", "Collecting a", "mlem: packages chosen: 21")


def test_a_build_says_its_steps_in_words_and_its_log_line_by_line() -> None:
    error, lines = followed(
        [
            *stream("Step 1/4 : FROM python:3.11-slim"),
            {"status": "Pulling from library/python", "id": "3.11-slim"},
            {"status": "Downloading", "id": "a", "progressDetail": {"current": 5_000_000, "total": 20_000_000}},
            {"status": "Pull complete", "id": "a", "progressDetail": {}},
            {"status": "Status: Downloaded newer image for python:3.11-slim"},
            *CHOSEN,
            *stream(
                "Step 3/4 : RUN install \x1b[31mnow\x1b[0m", " ---> Running in 4567", "", "\x1b[1mDownloading\x1b[0m"
            ),
            *stream("Step 4/4 : COPY model /opt", " ---> 89ab"),
        ]
    )
    assert (error, lines) == (
        None,
        [
            "  step 1/4: FROM python:3.11-slim",
            "pulling python:3.11-slim",
            "  Pulling from library/python",
            "  0 of 1 layers, 5.0 MB of 20.0 MB",
            "  1 of 1 layers, 20.0 MB of 20.0 MB",
            "  Status: Downloaded newer image for python:3.11-slim",
            "choosing",
            "  step 2/4: RUN choose",
            "  Collecting a",
            "  mlem: packages chosen: 21",
            "installing 21",
            "  step 3/4: RUN install now",
            "  Downloading",
            "copying",
            "  step 4/4: COPY model /opt",
        ],
    )


def test_what_an_earlier_build_did_is_no_step() -> None:
    error, lines = followed(
        [*stream("Step 2/4 : RUN choose", " ---> Using cache", " ---> 0123", "Step 3/4 : RUN x"), {"error": " broken "}]
    )
    assert error == "broken"
    assert [line for line in lines if not line.startswith("  ")] == ["installing 0"]


def test_a_failure_is_told_of_by_the_words_of_its_step() -> None:
    log = BuildLog(["", "choosing packages"], [].append, lambda _number: [])
    assert (
        log.follow([*stream("Step 2/2 : RUN pip", " ---> Running in 0123", "no such"), {"error": "1"}], lambda: None)
        == "1"
    )
    assert (log.step, log.words, list(log.lines)) == ("2/2", "choosing packages", ["no such"])


def test_a_builder_that_counts_otherwise_is_shown_by_its_log() -> None:
    assert followed(stream("Step 2/9 : RUN choose", "Collecting a")) == (
        None,
        ["  step 2/9: RUN choose", "  Collecting a"],
    )


def test_a_lost_lock_ends_a_build_between_two_steps() -> None:
    def guard() -> None:
        raise LockedError("lost")

    with pytest.raises(LockedError):
        BuildLog([], [].append, lambda _number: []).follow(CHOSEN, guard)


def test_layers_that_are_there_need_no_bytes_and_odd_messages_do_no_harm() -> None:
    lines: list[str] = []
    layers = Layers(lines.append)
    for message in (
        {"status": "The push refers to repository [localhost:5000/x]"},
        {"status": "Preparing", "id": "a", "progressDetail": {}},
        {"status": "Preparing", "id": "b", "progressDetail": None},
        {"status": "Layer already exists", "id": "a", "progressDetail": {}},
        {"status": "Pushing", "id": "b", "progressDetail": {"current": "?", "total": 7}},
        {"status": "Pushing", "id": "b", "progressDetail": {"current": 999}},
        {"status": "Pushing", "id": "b", "progressDetail": {"current": 999, "total": 500}},
        {"status": "Pushed", "id": "b", "progressDetail": {}},
        {"status": "latest: digest: sha256:0 size: 1"},
        {"aux": {"Digest": "sha256:0"}},
    ):
        layers.take(message)
    assert lines == ["  1 of 2 layers", "  1 of 2 layers, 500 B of 500 B", "  2 of 2 layers, 500 B of 500 B"]


def test_a_large_transfer_is_told_of_fifty_times_at_most() -> None:
    lines: list[str] = []
    sent = sending(lines.append, 1_000_000)
    for _ in range(1000):
        sent(1000)
    assert (len(lines), lines[0], lines[-1]) == (50, "  20.0 kB of 1.0 MB", "  1.0 MB of 1.0 MB")
