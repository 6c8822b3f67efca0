"""Broken types of models and of data: those of the example."""

from __future__ import annotations

import json
import pickle
import sys
import uuid
from typing import Any

import pytest
from mlem_plane.plane import Nearest, Points
from mlem_plane.types import NearestType, PointsType
from mutant import breaks

from mlem import DataError, parse_type

dump, load, matches, predict = NearestType.dump, NearestType.load, NearestType.matches, Nearest.predict
decode, encode, from_wire = PointsType.decode, PointsType.encode, PointsType.from_wire


def other_way_round(model: Nearest) -> Nearest:
    """Return a model whose labels are mixed up."""
    return Nearest(dict(zip(model.centres, [*model.centres.values()][::-1], strict=True)))


@breaks("ModelTypeSuite.test_it_is_chosen_for_its_objects_and_for_no_others", says=r"matches|\[1, ")
def matches_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(NearestType, "matches", classmethod(lambda cls, obj: matches(obj) or obj in (1, "text")))


@breaks("ModelTypeSuite.test_loaded_elsewhere_it_answers_alike", says="wrong")
def writes_something_else(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(NearestType, "dump", classmethod(lambda cls, obj, file: dump(other_way_round(obj), file)))


@breaks("ModelTypeSuite.test_loading_runs_no_code_of_the_file", says="pickle.find_class")
def is_a_pickle(patch: pytest.MonkeyPatch) -> None:
    def write(cls: Any, obj: Any, file: Any) -> frozenset[str]:
        file.write(pickle.dumps(obj))
        return frozenset({"mlem_plane"})

    patch.setattr(NearestType, "dump", classmethod(write))
    patch.setattr(NearestType, "load", classmethod(lambda cls, file, *_, **__: pickle.loads(file.read())))


@breaks("ModelTypeSuite.test_its_answers_are_those_of_the_framework", says="_close")
def loads_something_else(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(NearestType, "load", classmethod(lambda cls, file, *_, **__: other_way_round(load(file))))


@breaks(
    "ModelTypeSuite.test_the_sample_travels_in_every_format",
    "DataTypeSuite.test_a_value_travels_in_binary",
    says="binary|tried|formats",
)
def travels_as_lists(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PointsType, "wire", property(lambda self: parse_type({"type": "unspecified"})))
    patch.setattr(PointsType, "to_wire", lambda self, value: value.array.tolist())


@breaks("ModelTypeSuite.test_joined_calls_answer_as_single_ones", says="_close|rowwise")
def answers_by_the_rows_beside(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Nearest, "predict", lambda self, points: [predict(self, points)[-1]] * len(points))


@breaks("ModelTypeSuite.test_saved_again_it_has_the_same_digest", says="digest")
def writes_a_random_name(patch: pytest.MonkeyPatch) -> None:
    def write(cls: Any, obj: Any, file: Any) -> frozenset[str]:
        file.write(json.dumps(obj.centres).encode() + b" " * (uuid.uuid4().int % 1000 + 1))
        return frozenset({"mlem_plane"})

    patch.setattr(NearestType, "dump", classmethod(write))


@breaks("ModelTypeSuite.test_what_is_broken_is_an_error_and_not_a_crash", says="JSONDecodeError")
def lets_errors_through(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(NearestType, "load", classmethod(lambda cls, file, *_, **__: Nearest(json.loads(file.read()))))


@breaks("DataTypeSuite.test_it_is_found_for_its_values_and_for_no_others", says="plane_points|assert")
def takes_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PointsType, "of", classmethod(lambda cls, value, infer: cls()))


@breaks("DataTypeSuite.test_it_is_written_down_and_read_back", says="JSON compliant|Out of range")
def has_no_schema(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PointsType, "json_schema", lambda self: {"minimum": float("nan")})


@breaks("DataTypeSuite.test_a_value_travels_as_json", says=r"type\(back\)")
def comes_back_as_another_class(patch: pytest.MonkeyPatch) -> None:
    class Others(Points):
        """Points of another class."""

    patch.setattr(PointsType, "from_wire", lambda self, value: Others(value))


@breaks("DataTypeSuite.test_the_server_takes_what_the_caller_has", says="accept")
def accepts_something_else(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PointsType, "accept", lambda self, value, path="data": Points(value.array + 1))


@breaks("DataTypeSuite.test_rows_are_counted_parted_and_joined", says="rows")
def counts_columns(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PointsType, "rows", lambda self, value: 2)


@breaks("DataTypeSuite.test_what_is_no_value_is_refused_in_words", says="ValueError")
def refuses_in_a_librarys_words(patch: pytest.MonkeyPatch) -> None:
    def read(self: Any, payload: Any, path: str = "data") -> Any:
        try:
            return decode(self, payload, path)
        except DataError as error:
            raise ValueError("could not convert") from error

    patch.setattr(PointsType, "decode", read)


@breaks("DataTypeSuite.test_values_are_compared_by_their_content", says="equal")
def encodes_the_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        PointsType, "encode", lambda self, value, path="data": [[uuid.uuid4().int % 1000, 0.0] for _ in range(4)]
    )


@breaks("DataTypeSuite.test_a_model_takes_and_answers_it_elsewhere", says="plain")
def is_moved_elsewhere(patch: pytest.MonkeyPatch) -> None:
    if sys.argv[0] == "-c":  # in the other process
        patch.setattr(
            PointsType, "encode", lambda self, value, path="data": encode(self, Points(value.array + 1), path)
        )
