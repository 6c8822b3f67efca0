from __future__ import annotations

from mlem_server.http.response import Response
from mlem_server.http.routes import Route, RoutingTable, always

ANSWER = always(Response(200, b"{}"))


def test_a_path_is_found_as_it_is_sent_and_what_has_to_be_decoded_by_its_path() -> None:
    plain, decoded = Route("POST", "/predict", ANSWER), Route("GET", "/v2/models/größe", ANSWER)
    table = RoutingTable([plain, decoded])
    assert table.by_target == {b"/predict": {"POST": plain}}
    assert table.by_path == {"/predict": {"POST": plain}, "/v2/models/größe": {"GET": decoded, "HEAD": decoded}}


def test_two_methods_of_one_path_come_from_two_tables_and_the_later_row_counts() -> None:
    page, first, later = (
        Route("GET", "/ping", ANSWER),
        Route("POST", "/ping", ANSWER),
        Route("POST", "/ping", ANSWER, name="ping"),
    )
    assert RoutingTable([page, first, later]).by_path == {"/ping": {"GET": page, "HEAD": page, "POST": later}}
