"""Where the API key comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem import CredentialsError
from mlem.testing import Project
from mlem_provider_heroku.api.credentials import api_key

URL = "https://api.heroku.com"
NETRC = """machine api.heroku.com
  login me@example.com
  password from-netrc
machine git.heroku.com
  login me@example.com
  password git
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HEROKU_API_KEY")
    return tmp_path


def test_the_variable_goes_before_netrc(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".netrc").write_text(NETRC)
    (home / ".netrc").chmod(0o600)
    assert api_key(URL) == "from-netrc"
    monkeypatch.setenv("HEROKU_API_KEY", " from-variable\n")
    assert api_key(URL) == "from-variable"


def test_a_key_in_netrc_is_for_its_host_alone(home: Path) -> None:
    (home / ".netrc").write_text(NETRC)
    with pytest.raises(CredentialsError) as caught:
        api_key("https://api.example.com")
    assert (caught.value.exit_code, caught.value.code) == (6, "no-api-key")


def test_a_file_that_is_no_netrc_is_named_and_not_shown(home: Path) -> None:
    (home / ".netrc").write_text("machine api.heroku.com pasword canary-1d7e\n")
    with pytest.raises(CredentialsError) as caught:
        api_key(URL)
    assert (caught.value.code, caught.value.message) == (
        "bad-netrc",
        f"{home / '.netrc'}, line 1: this is not a netrc file",
    )


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_what_fits_into_no_header_is_refused(key: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEROKU_API_KEY", key)
    with pytest.raises(CredentialsError) as caught:
        api_key(URL)
    assert (caught.value.code, key in caught.value.message) == ("bad-api-key", False)


def test_without_a_key_a_run_says_what_to_type_before_it_makes_anything(home: Path) -> None:
    project = Project.make(home / "project")
    project.save("double", 2.0)
    done = project.mlem("deployment", "run", "heroku", "app", "--model", "double", "--app_name", "no-key-at-all")
    assert (done.returncode, "error[no-api-key]" in done.stderr, "heroku login" in done.stderr) == (6, True, True)
    assert not (project.folder / "app.mlem").exists()
