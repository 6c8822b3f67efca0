from __future__ import annotations

from pathlib import Path

import pytest

from mlem_model.errors import UserError
from mlem_server.main import main, models_of, settings_of
from mlem_server.options import parser, words_of
from mlem_server.process.failures import render
from mlem_server.settings import Settings


@pytest.mark.parametrize(
    ("words", "environment", "model"),
    [
        (["m"], {}, "m"),
        (["m", "serve"], {}, "m"),
        (["serve"], {"MLEM_MODEL": "/opt/ml/model/model"}, "/opt/ml/model/model"),
        ([], {"MLEM_MODEL": "m"}, "m"),
        (["m"], {"MLEM_MODEL": "other"}, "m"),
    ],
)
def test_the_model_is_named_by_an_argument_or_the_environment(
    words: list[str], environment: dict[str, str], model: str
) -> None:
    assert models_of(words, environment) == [model]


def test_no_model_is_an_error_with_the_next_step() -> None:
    with pytest.raises(UserError) as caught:
        models_of(["serve"], {})
    assert render(caught.value) == "error[usage]: no model is named\nhint: mlem-server MODEL, or set MLEM_MODEL"


def test_the_defaults_are_those_of_the_settings() -> None:
    assert settings_of(parser().parse_args(["m"]), {}) == Settings()


def test_every_option_becomes_a_setting(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("a\nb\n")
    words = [
        *(
            "m",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--token-file",
            str(tmp_path / "tokens"),
            "--max-body-mib",
            "0.5",
            "--max-queue",
            "3",
        ),
        *("--request-timeout-s", "1.5", "--shutdown-timeout-s", "2", "--access-log", "--deployment", "mlem:app"),
        *(
            "--max-connections",
            "9",
            "--max-headers",
            "8",
            "--max-head-kib",
            "7",
            "--max-target-kib",
            "6",
            "--max-bodies-mib",
            "5",
        ),
    ]
    assert settings_of(parser().parse_args(words), {"PORT": "99"}) == Settings(
        host="127.0.0.1",
        port=0,
        tokens=("a", "b"),
        token_file=tmp_path / "tokens",
        max_body_bytes=2**19,
        max_queue=3,
        request_timeout_s=1.5,
        shutdown_timeout_s=2.0,
        access_log=True,
        max_connections=9,
        max_headers=8,
        max_head_bytes=7 * 2**10,
        max_target_bytes=6 * 2**10,
        max_bodies_bytes=5 * 2**20,
        max_decoded_bytes=2**26,
    )


def test_what_tunes_the_server_may_come_from_the_environment_and_an_option_wins() -> None:
    environment = {
        "MLEM_SERVER_WORKERS": "3",
        "MLEM_SERVER_MAX_BATCH_ROWS": "1",
        "MLEM_SERVER_ACCESS_LOG": "1",
        "MLEM_SERVER_TRACES": "0",
        "MLEM_SERVER_LOG_FORMAT": "json",
        "MLEM_SERVER_MAX_QUEUE": "9",
        "MLEM_SERVER_PORT": "tcp://10.0.0.1:80",
    }
    options = parser().parse_args([*words_of(environment), "m", "--max-queue", "5"])
    found = (
        options.workers,
        options.max_batch_rows,
        options.access_log,
        options.traces,
        options.log_format,
        options.max_queue,
        options.port,
    )
    assert found == (3, 1, True, False, "json", 5, None)


def test_a_variable_that_cant_be_used_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLEM_SERVER_ACCESS_LOG", "perhaps")
    assert main(["m"]) == 2
    assert "$MLEM_SERVER_ACCESS_LOG: expected 1 or 0, got 'perhaps'" in capsys.readouterr().err
    monkeypatch.setenv("MLEM_SERVER_ACCESS_LOG", "on")
    monkeypatch.setenv("MLEM_SERVER_WORKERS", "many")
    with pytest.raises(SystemExit) as caught:
        main(["m"])
    assert (caught.value.code, "--workers: expected a whole number" in capsys.readouterr().err) == (2, True)


def test_the_port_comes_from_the_environment_as_on_heroku() -> None:
    assert settings_of(parser().parse_args(["m"]), {"PORT": "5000"}).port == 5000


@pytest.mark.parametrize("port", ["http", "-1", "65536", "1e3"])
def test_a_wrong_port_in_the_environment_is_an_error(port: str) -> None:
    with pytest.raises(UserError, match=r"^\$PORT: expected a "):
        settings_of(parser().parse_args(["m"]), {"PORT": port})


@pytest.mark.parametrize(
    "words",
    [["--port", "x"], ["--max-queue", "-1"], ["--request-timeout-s", "0"], ["--request-timeout-s", "nan"], ["--wrong"]],
)
def test_a_wrong_option_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["m", *words])
    assert caught.value.code == 2
    assert "usage: mlem-server" in capsys.readouterr().err


def test_a_broken_model_file_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.mlem").write_text("object_type: model\nwrong: 1\n")
    assert main([str(tmp_path / "m"), "--port", "0"]) == 2
    assert "wrong: unknown field" in capsys.readouterr().err
