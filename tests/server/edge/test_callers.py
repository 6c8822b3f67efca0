"""A caller may have only so many calls on their way, and others are none the worse for it."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from waiting import wait_until


def test_the_limit_is_for_each_token(starter: Any, file_model: Path, tmp_path: Path) -> None:
    served = starter.start(
        file_model, "--max-calls-per-caller", "2", env={"MLEM_SERVER_TOKENS": "one-of-the-tokens,another-token"}
    )
    one, another = ({"authorization": f"Bearer {token}"} for token in ("one-of-the-tokens", "another-token"))
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(served.post, "/predict", {"path": str(tmp_path / "go")}, one) for _ in range(2)]
        wait_until(lambda: b'mlem_in_flight{model="file"} 2.0' in served.get("/metrics", one).body)
        refused = served.post("/predict", {"path": os.devnull}, one)
        assert (refused.status, refused.json["error"]["code"], refused.headers["retry-after"]) == (
            429,
            "too-many-calls",
            "1",
        )
        allowed = pool.submit(served.post, "/predict", {"path": os.devnull}, another)
        assert served.post("/predict", {"path": os.devnull}, {"authorization": "Bearer wrong"}).status == 401
        (tmp_path / "go").touch()
        assert [call.result().status for call in (*calls, allowed)] == [200] * 3
    for _ in range(5):
        assert served.post("/predict", {"path": os.devnull}, one).status == 200
        assert served.post("/predict", {"path": 1}, one).status == 422


def test_whoever_leaves_counts_no_more_and_addresses_count_without_tokens(
    starter: Any, file_model: Path, tmp_path: Path
) -> None:
    served = starter.start(file_model, "--max-calls-per-caller", "1", "--trusted-proxies", "127.0.0.1")
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port)) as half:
        half.sendall(head)
        wait_until(lambda: served.post("/predict", {"path": os.devnull}).status == 429)
        assert served.post("/predict", {"path": os.devnull}, {"x-forwarded-for": "198.51.100.7"}).status == 200
    wait_until(lambda: served.post("/predict", {"path": os.devnull}).status == 200)
