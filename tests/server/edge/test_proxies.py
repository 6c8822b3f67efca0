"""What proxies in front say counts only where they are trusted; a path prefix may be left in the path or not."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from mlem_model.errors import UserError
from mlem_server.edge.proxies import Proxies, networks, prefix_of
from mlem_server.http.request import Request

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def request(path: str, peer: str = "10.1.2.3", **headers: str) -> Request:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request("GET", path.encode(), given, True, 0.0, peer=peer)


def test_a_prefix_is_left_out_of_the_path_where_the_proxy_has_not_done_it() -> None:
    proxies = Proxies("/models/iris", ())
    found = [
        proxies.path(request(path)) for path in ("/models/iris/docs?x=1", "/models/iris", "/docs", "/models/irish")
    ]
    assert found == ["/docs", "/", "/docs", "/models/irish"]


def test_a_prefix_of_a_header_counts_from_trusted_proxies_alone() -> None:
    proxies = Proxies("", networks(["10.0.0.0/8", "::1"]))
    for peer in ("10.1.2.3", "::1", "::ffff:10.1.2.3", ""):
        assert proxies.prefix(request("/", peer, x_forwarded_prefix="/models/iris/, /outer")) == "/models/iris"
    for peer in ("192.0.2.1", "::2", "not an address"):
        assert proxies.prefix(request("/", peer, x_forwarded_prefix="/models/iris")) == ""
    for bad in ("models", "//evil.example", "/a b", "/<script>", "/" + "a" * 300, "", "/"):
        assert proxies.prefix(request("/", x_forwarded_prefix=bad)) == ""


def test_the_caller_is_the_last_address_that_no_trusted_proxy_has() -> None:
    proxies = Proxies("", networks(["10.0.0.0/8"]))
    for said, caller in (
        ("198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("nonsense", "10.1.2.3"),
        ("10.5.5.5", "10.5.5.5"),
        ("", "10.1.2.3"),
    ):
        assert proxies.caller(request("/", x_forwarded_for=said)) == caller
    assert proxies.caller(request("/", "192.0.2.1", x_forwarded_for="198.51.100.7")) == "192.0.2.1"


def test_what_is_no_prefix_or_network_is_refused_at_the_start() -> None:
    assert (prefix_of(""), prefix_of("/"), prefix_of("/a/b/")) == ("", "", "/a/b")
    for bad in ("a", "//a", "/a b", "/a?b", "/a//b"):
        with pytest.raises(UserError, match="path prefix"):
            prefix_of(bad)
    with pytest.raises(UserError, match="an address or a network"):
        networks(["10.0.0.0/8", "somewhere"])


def test_the_log_has_the_caller(starter: Any, iris_model: Path) -> None:
    served = starter.start(iris_model, "--access-log", "--log-format", "json", "--trusted-proxies", "127.0.0.1")
    served.get("/healthz", {"x-forwarded-for": "198.51.100.7", "x-request-id": "behind"})
    line = next(line for line in served.log_with('"behind"').splitlines() if '"behind"' in line)
    assert json.loads(line)["caller"] == "198.51.100.7"


CONF = """
daemon off; master_process off; error_log stderr; pid {folder}/pid; worker_rlimit_nofile 1024;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; client_max_body_size 100m;
  upstream model {{ server {upstream}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_buffering {buffering}; gzip {gzip}; gzip_types application/json; gzip_proxied any;
    location /stripped/iris/ {{ proxy_set_header X-Forwarded-Prefix /stripped/iris; proxy_pass http://model/; }}
    location /kept/iris/ {{ proxy_set_header X-Forwarded-Prefix /kept/iris; proxy_pass http://model; }}
    location / {{ proxy_pass http://model; }}
  }}
}}
"""
Behind = Callable[..., str]


@pytest.fixture
def behind(tmp_path: Path, lacking: Any) -> Iterator[Behind]:
    """Start nginx in front of a server; return its address."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        lacking("no nginx")
    started: list[subprocess.Popen[bytes]] = []

    def start(upstream: str, buffering: str = "on", gzip: str = "off") -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        conf = tmp_path / "nginx.conf"
        conf.write_text(CONF.format(folder=tmp_path, upstream=upstream, port=port, buffering=buffering, gzip=gzip))
        started.append(subprocess.Popen([program, "-p", str(tmp_path), "-c", str(conf)]))

        def open_() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(open_)
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(("buffering", "gzip"), [("on", "off"), ("off", "on")])
@pytest.mark.parametrize("prefix", ["", "/stripped/iris", "/kept/iris"])
def test_client_page_and_document_work_behind_nginx(
    starter: Any, iris_model: Path, tmp_path: Path, behind: Behind, prefix: str, buffering: str, gzip: str
) -> None:
    import urllib.request
    from urllib.parse import urljoin

    from mlem.clients.http import HttpClient

    socket_file = tmp_path / "server.sock"
    by_file = buffering == "off"
    options = ("--unix-socket", str(socket_file)) if by_file else ("--trusted-proxies", "127.0.0.1")
    served = starter.start(iris_model, *options, by_file=by_file)
    wait_until(lambda: "ready" in served.log)
    base = behind(f"unix:{socket_file}" if by_file else f"127.0.0.1:{served.port}", buffering, gzip) + prefix

    with HttpClient(url=base) as client:
        assert client.call("predict", [ROW]).tolist() == [0]
        assert len(client.call("predict", [ROW] * 20_000)) == 20_000
    document = json.loads(urllib.request.urlopen(base + "/openapi.json").read())
    where = urljoin(base + "/openapi.json", document["servers"][0]["url"])
    for path in document["paths"]:
        if "get" in document["paths"][path]:
            assert urllib.request.urlopen(where.rstrip("/") + path).status == 200, path
    if prefix:
        with urllib.request.urlopen(base) as answer:  # without the slash that relative links need
            assert answer.url == base + "/"
    for page in ("/", "/docs"):
        with urllib.request.urlopen(base + page) as answer:
            assert (answer.status, b"<html" in answer.read()) == (200, True)
