from __future__ import annotations

from typing import Any


def test_the_page_has_each_method_with_a_line_for_curl_and_loads_nothing_from_elsewhere(iris: Any) -> None:
    page = iris.get("/docs").body.decode()
    assert all(f'<section id="{method}">' in page for method in ("predict", "predict_proba"))
    assert "curl &quot;$URL/predict&quot;" in page
    assert "<script" not in page
    assert "src=" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_page_offers_clients_and_all_its_links_are_relative(iris: Any) -> None:
    import html
    import re

    page = iris.get("/docs").body.decode()
    links = re.findall(r'href="([^"]+)"', page)
    assert sorted(link for link in links if not link.startswith("#")) == [
        "interface.json",
        "openapi.json",
        "openapi.json",
        "readyz",
    ]
    commands = [
        'curl "$URL/openapi.json" -o openapi.json',
        "openapi-python-client generate --path openapi.json",
        "npx openapi-typescript openapi.json -o model.d.ts",
        "npx openapi-ts -i openapi.json -o client",
    ]
    assert [command for command in commands if command not in html.unescape(page)] == []
