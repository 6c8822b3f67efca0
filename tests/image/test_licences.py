"""What a wheel says of its licence, whoever has written the wheel."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from mlem_image.wheels.licences import licences_in, licences_of


@pytest.mark.parametrize(
    ("lines", "licences"),
    [
        (["License-Expression: MIT OR Apache-2.0", "License: no", "Classifier: License :: X"], ["MIT OR Apache-2.0"]),
        (["Classifier: License :: OSI Approved :: MIT License", "License: MIT"], ["MIT License"]),
        (
            ["Classifier: License :: OSI Approved", "Classifier: License :: OSI Approved :: BSD License", "License: b"],
            ["BSD License"],
        ),
        (["Classifier: License :: Z :: Second", "Classifier: License :: Z :: First"], ["First", "Second"]),
        (["License: BSD-3-Clause"], ["BSD-3-Clause"]),
        (["License: A whole text", "        of many lines"], []),
        (["License: UNKNOWN"], []),
        (["Classifier: Programming Language :: Python"], []),
        (["License-Expression: " + "MIT OR " * 100 + "MIT"], []),
        (["License: tea\x00\x1b[31mé"], ["tea[31m\ufffd\ufffd"]),
        ([], []),
    ],
)
def test_an_expression_comes_before_classifiers_and_these_before_a_name(lines: list[str], licences: list[str]) -> None:
    text = "\n".join(["Metadata-Version: 2.4", "Name: x", *lines, "", "License-Expression: of the description"])
    assert licences_in(text.encode()) == licences


def test_metadata_that_unfold_to_very_much_are_not_read_to_their_end(tmp_path: Path) -> None:
    wheel = tmp_path / "x-1-py3-none-any.whl"
    with (
        zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x-1.dist-info/METADATA", "w") as file,
    ):
        file.write(b"License: MIT\nName: ")
        for _ in range(256):
            file.write(bytes(2**20))
    tracemalloc.start()
    try:
        assert licences_of(wheel) == ["MIT"]
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()


def test_what_is_no_wheel_has_no_licence(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"PK\x03\x04 not really")
    assert licences_of(other) == []
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("METADATA", "License: MIT")
    assert licences_of(other) == []
