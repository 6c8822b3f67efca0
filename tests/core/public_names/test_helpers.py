"""An example of each name of `mlem.provider`: `docs/reference/plugins.md` shows them.

A test is named after what it is an example of: `test_ready_asks_our_server` is one of `ready`.
"""

from __future__ import annotations

import copy
import http.server
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, field_validator

from mlem import (
    ConflictError,
    Context,
    DataError,
    DeclarationError,
    Env,
    Interface,
    Model,
    NotFoundError,
    Place,
    PlatformError,
    Record,
    UserError,
)
from mlem.provider import (
    BY_04,
    BY_OTHERS,
    FROM_HERE,
    PROTECTION,
    PROTECTION_FILES,
    TOKENS,
    TOKENS_VARIABLE,
    Adopted,
    Candidate,
    FieldReader,
    HttpClient,
    Lost,
    Owner,
    ProcessLocal,
    Response,
    Translation,
    Unit,
    VariableError,
    adopted_responds,
    backoff_s,
    check_labels,
    check_response,
    check_variable_names,
    copy_model,
    differences,
    has_these_tokens,
    host_identity,
    lacks_credentials,
    other_versions,
    parse_data,
    passed_tokens,
    protection,
    protection_in,
    proxy_for,
    ready,
    recorded_protection,
    seen_protection,
    serialize_data,
    served_by_others,
    size_in_words,
    suffixes_04,
    unusable,
    uv_environment,
    word_of,
)


class AdoptedRecord(Record):
    """What is on record of a server that was taken over."""

    step: ClassVar[str] = "server"

    adopted: str = ""


class ContainerRecord(Record):
    """What is wanted of a container, and what the Engine says of it."""

    step: ClassVar[str] = "container"

    port: int | None = None
    environment: dict[str, str] = {}
    tokens: str | None = None
    tls: str | None = None
    id: str = ""
    adopted: str | None = None


def test_Adopted_is_what_is_taken_over_from_mlem_04() -> None:
    def adopt_04(ctx: Context, old: Mapping[str, Any]) -> Adopted:  # a method of a Deployment
        container = old["container_id"]
        return Adopted(f"the container {container}", [ContainerRecord(id=container, adopted=BY_04)])

    assert adopt_04(None, {"container_id": "0123456789ab"}).what == "the container 0123456789ab"


def test_Response_is_what_a_server_sent_by_whatever_way() -> None:
    answer = Response(200, "application/json", retry_after=None, body=b"[2.0, 4.0]")
    assert answer.document() == [2.0, 4.0]


def test_BY_04_says_who_made_what_was_adopted() -> None:
    record = ContainerRecord(id="0123456789ab", adopted=BY_04)
    assert record.adopted == "MLEM 0.4"  # so the next run replaces it, and nobody takes it for one of ours


def test_FROM_HERE_says_that_a_server_has_the_tokens_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLEM_SERVER_TOKENS", "t0ken")
    assert protection({})[TOKENS] == FROM_HERE


def test_FieldReader_names_the_field_that_it_can_not_read() -> None:
    reader = FieldReader("prod.mlem", prefix="args.")
    assert reader.pair("DEBUG=1", "environment") == ("DEBUG", "1")
    with pytest.raises(DeclarationError, match=r"prod.mlem: args.ports: expected a list, got str"):
        reader.items("8080", "ports")


def test_HttpClient_calls_what_our_server_serves() -> None:
    client = HttpClient(url="http://127.0.0.1:1", timeout_s=5)
    with pytest.raises(PlatformError) as caught:
        client.predict([1.0, 2.0])
    assert caught.value.code == "unreachable"


def test_Lost_is_a_field_that_a_translation_leaves_out() -> None:
    lost = Lost("api_key", "credentials are not kept in files", "export HEROKU_API_KEY=...")
    assert str(lost) == "api_key: credentials are not kept in files; export HEROKU_API_KEY=..."


def test_PROTECTION_has_the_keys_that_are_no_part_of_a_configuration() -> None:
    wanted = ContainerRecord(port=8080, **protection({}))
    assert wanted.differing(ContainerRecord(port=9090, tokens="yes"), without=PROTECTION) == {"port"}


def test_PROTECTION_FILES_are_paths_that_must_hold_for_the_server() -> None:
    variables = {"MLEM_SERVER_TLS_CERT": "cert.pem", "DEBUG": "1"}
    assert {name: os.path.abspath(variables[name]) for name in PROTECTION_FILES if name in variables} == {
        "MLEM_SERVER_TLS_CERT": os.path.abspath("cert.pem")
    }


def test_ProcessLocal_keeps_connections_from_forked_processes_and_copies() -> None:
    def session() -> object:
        return object()  # of the vendor's SDK; in a client, a function of the module and a private attribute

    sessions = ProcessLocal(session)
    assert sessions.get() is sessions.get()
    assert copy.copy(sessions).get() is not sessions.get()


def test_TOKENS_is_the_key_that_says_which_tokens_a_server_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLEM_SERVER_TOKENS", raising=False)
    assert (protection({})[TOKENS], protection({"MLEM_SERVER_TOKEN_FILE": "/run/tokens"})[TOKENS]) == (None, "file")


def test_TOKENS_VARIABLE_is_kept_from_servers_that_have_none() -> None:
    inherited = {name: value for name, value in os.environ.items() if name != TOKENS_VARIABLE}
    assert "MLEM_SERVER_TOKENS" not in inherited


def test_Translation_has_the_fields_of_this_version_and_what_gets_lost() -> None:
    class OldEnv(Env):
        """A platform that MLEM 0.4 had, too."""

        region: str = "eu"

        @classmethod
        def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
            kept = {key: value for key, value in fields.items() if key != "api_key"}
            lost = [Lost("api_key", "credentials are not kept in files")] if "api_key" in fields else []
            return Translation(kept, tuple(lost))

    assert OldEnv.from_data({"region": "us"}, "prod.mlem").region == "us"
    with pytest.raises(DeclarationError, match=r"prod.mlem: api_key: credentials are not kept in files"):
        OldEnv.from_data({"region": "us", "api_key": "s3cret"}, "prod.mlem")


def test_Unit_is_shown_beside_the_type_of_a_field() -> None:
    class SlowEnv(Env):
        """A platform that takes its time."""

        timeout_s: Annotated[float, Field(gt=0), Unit("s")] = Field(default=60.0, description="time for an answer")

    assert Unit("s") in SlowEnv.model_fields["timeout_s"].metadata


def test_VariableError_refuses_a_variable_with_a_hint() -> None:
    class PlainEnv(Env):
        """A platform that sets PORT itself."""

        environment: dict[str, str] = {}

        @field_validator("environment")
        @classmethod
        def check(cls, environment: dict[str, str]) -> dict[str, str]:
            if "PORT" in environment:
                raise VariableError("PORT: the platform sets it", "take it out")
            return environment

    with pytest.raises(DeclarationError) as caught:
        PlainEnv.from_data({"environment": {"PORT": "80"}}, "prod.mlem")
    assert (str(caught.value), caught.value.hint) == (
        "prod.mlem: environment: PORT: the platform sets it",
        "take it out",
    )


def test_check_response_returns_the_json_or_raises_what_the_server_means() -> None:
    good = Response(200, "application/json", None, b"[2.0]")
    bad = Response(
        422,
        "application/json",
        None,
        b'{"error": {"message": "no", "path": "x[0]", "expected": "a number", "got": "null"}}',
    )
    assert check_response(good, "the endpoint iris") == [2.0]
    with pytest.raises(DataError, match=r"x\[0\]: expected a number, got null"):
        check_response(bad, "the endpoint iris")


def test_check_labels_refuses_what_is_not_on_one_line() -> None:
    check_labels({"team": "blue"})
    with pytest.raises(VariableError):
        check_labels({"team": "blue\nred"})


def test_check_variable_names_refuses_what_no_environment_takes() -> None:
    check_variable_names(["DEBUG"])
    with pytest.raises(VariableError):
        check_variable_names(["DEBUG=1"])


def test_copy_model_copies_files_and_verifies_them(ctx: Context, tmp_path: Path) -> None:
    copied = copy_model(ctx.model, tmp_path / "served", "model")
    assert ((tmp_path / "served/model.mlem").is_file(), copied.digest) == (True, ctx.model.digest)


def test_differences_puts_into_words_what_a_change_changes() -> None:
    recorded = ContainerRecord(port=8080, environment={}, id="0123456789ab")
    wanted = ContainerRecord(port=9090, environment={"DEBUG": "1"})
    assert differences(recorded, wanted) == "port 8080 -> 9090, environment.DEBUG none -> 1"


def test_has_these_tokens_tells_a_server_of_a_killed_run_from_one_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLEM_SERVER_TOKENS", "new")
    wanted = protection({})
    assert has_these_tokens(wanted, there={"MLEM_SERVER_TOKENS": "new"})
    assert not has_these_tokens(wanted, there={"MLEM_SERVER_TOKENS": "old"})


def test_host_identity_is_where_a_pid_means_something() -> None:
    here = Place(id=host_identity(), words="this machine")
    assert here.id == host_identity()


def test_other_versions_are_those_that_a_model_was_not_saved_with(ctx: Context) -> None:
    needs = [{"module": "nowhere", "package_name": "no-such-package", "version": "1.0"}]
    model = Model.from_data({**ctx.model.to_data(), "requirements": needs}, "shop.mlem")
    assert [(one.pip, installed) for one, installed in other_versions(model.requirements)] == [
        ("no-such-package==1.0", None)
    ]


def test_parse_data_reads_what_a_method_answered(ctx: Context) -> None:
    method = Interface.of(ctx.model).methods["predict"]
    assert parse_data(b"[2.0, 4.0]", "json", "the answer", method.returns) == [2.0, 4.0]


def test_passed_tokens_are_those_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLEM_SERVER_TOKENS", "t0ken")
    wanted = protection({})
    assert passed_tokens(wanted) == {"MLEM_SERVER_TOKENS": "t0ken"}
    monkeypatch.delenv("MLEM_SERVER_TOKENS")
    with pytest.raises(UserError, match="MLEM_SERVER_TOKENS"):
        passed_tokens(wanted)


def test_protection_is_part_of_what_a_step_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLEM_SERVER_TOKENS", "t0ken")
    environment = {"MLEM_SERVER_TLS_CERT": "/run/cert.pem"}
    wanted = ContainerRecord(port=8080, **protection(environment))
    assert (wanted.tokens, wanted.tls) == ("yes", "yes")


def test_protection_in_says_what_variables_protect() -> None:
    assert protection_in({"MLEM_SERVER_TOKENS": "t0ken"}) == {"tokens": "yes", "tls": None}


def test_ready_asks_our_server() -> None:
    is_ready, reason = ready("http://127.0.0.1:1", timeout_s=2.0)
    assert (is_ready, reason) == (False, "no connection to 127.0.0.1:1: Connection refused")


def test_recorded_protection_reads_records_of_before_the_keys_were_there() -> None:
    older = {"environment": {"MLEM_SERVER_TOKEN_FILE": "/run/tokens"}}
    assert recorded_protection(older) == {"tokens": "file", "tls": None}


def test_seen_protection_is_part_of_what_a_step_observes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLEM_SERVER_TOKENS", "new")
    recorded = ContainerRecord(port=8080, **protection({}))
    observed = recorded.changed(**seen_protection(recorded, there={"MLEM_SERVER_TOKENS": "old"}))
    assert (observed.tokens, observed.tls) == ("others", None)


def test_serialize_data_writes_what_a_method_takes(ctx: Context) -> None:
    (numbers,) = Interface.of(ctx.model).methods["predict"].args
    assert serialize_data([1.0, 2.0], numbers.data_type, "json").split() == [b"[1.0,", b"2.0]"]


def test_served_by_others_is_the_error_of_a_client_for_what_was_adopted() -> None:
    error = served_by_others("app", BY_04)
    assert (error.code, error.hint) == ("of-mlem-0-4", "replace it: mlem deployment run --load app")
    assert served_by_others("app", BY_OTHERS).message.startswith('"app" still serves what somebody else deployed')


def test_adopted_responds_takes_any_answer_of_somebody_elses_server() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()  # it knows no method: status 501
        url = f"http://127.0.0.1:{server.server_port}"
        assert "/ with status 501" in adopted_responds(BY_OTHERS, url, 5.0)[1]
        assert "/interface.json with status 501" in adopted_responds(BY_04, url, 5.0)[1]
        server.RequestHandlerClass = http.server.SimpleHTTPRequestHandler
        assert adopted_responds(BY_OTHERS, url, 5.0) == (True, "")
        assert "/interface.json with status 404" in adopted_responds(BY_04, url, 5.0)[1]
        server.shutdown()
    assert adopted_responds(BY_OTHERS, None, 5.0)[0]


def test_BY_OTHERS_is_what_a_record_says_of_what_was_adopted() -> None:
    record = AdoptedRecord(adopted=BY_OTHERS)
    assert served_by_others("app", record.adopted).code == "not-our-server"


def test_Candidate_says_what_could_be_taken_over() -> None:
    ours = Candidate("0123", "the container app (0123), running", Owner("a" * 32, "app"), "b" * 32)
    assert (ours.ours, Candidate("0123", "the container app", Owner()).ours) == (True, False)
    assert str(ours).endswith(f'running, model {"b" * 32}: belongs to the mlem deployment "app" of lineage {"a" * 32}')


def test_size_in_words_is_for_lines_of_progress() -> None:
    sizes = [size_in_words(size) for size in (0, 999, 1_000, 41_234_000, 999_960, 10**18)]
    assert sizes == ["0 B", "999 B", "1.0 kB", "41.2 MB", "1.0 MB", "1000000.0 TB"]


def test_suffixes_04_name_a_state_that_is_set_aside() -> None:
    taken = {"app.04"}
    assert next(f"app{suffix}" for suffix in suffixes_04() if f"app{suffix}" not in taken) == "app.04-2"


def test_proxy_for_is_the_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example.com:3128")
    assert proxy_for("https://registry.example.com/v2/") == "http://proxy.example.com:3128"
    assert proxy_for("https://127.0.0.1:5000/v2/") is None  # this machine


def test_unusable_is_the_error_for_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    try:
        path.read_bytes()
    except OSError as error:
        translated = unusable(path, error, "read")
    assert isinstance(translated, NotFoundError)


def test_uv_environment_has_uv_take_packages_from_where_pip_does() -> None:
    environment = uv_environment({"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "https://pypi.example.com/simple"})
    assert environment["UV_DEFAULT_INDEX"] == "https://pypi.example.com/simple"


def test_word_of_is_a_type_however_mlem_04_wrote_it() -> None:
    assert word_of("fastapi") == word_of({"type": "fastapi", "port": 8080}) == "fastapi"


def test_Owner_refuses_what_is_somebody_elses() -> None:
    """A provider reads the marks of what it finds, and asks whose it is before it takes, changes or deletes it."""
    labels = {"nimbus.lineage": "0b3f", "nimbus.deployment": "their-app"}
    owner = Owner(labels.get("nimbus.lineage"), labels.get("nimbus.deployment"))

    owner.expect("0b3f", "the app iris")  # ours: nothing is raised

    with pytest.raises(ConflictError) as caught:
        owner.expect("77aa", "the app iris", hint="choose another name: --app_name NAME")
    assert caught.value.code == "not-ours"
    assert str(caught.value) == (
        'the app iris is there already, and belongs to the mlem deployment "their-app" of lineage 0b3f'
    )
    assert str(Owner()) == "was not made by mlem"


def test_backoff_s_doubles_up_to_a_limit() -> None:
    """A request that a platform could not serve is repeated after a pause, a part of which is random."""
    pauses = [
        [backoff_s(attempt, first_s=0.5, longest_s=30.0, jitter=0.5) for _ in range(50)] for attempt in (0, 1, 40)
    ]

    assert all(0.25 <= pause <= 0.5 for pause in pauses[0])
    assert all(0.5 <= pause <= 1.0 for pause in pauses[1])
    assert all(15.0 <= pause <= 30.0 for pause in pauses[2])
    assert len(set(pauses[0])) > 1, "clients that were refused together would come back together"


def test_lacks_credentials_knows_what_sdks_raise() -> None:
    """A provider tells missing credentials, which have an exit code of their own, from a platform that failed."""

    class TokenRetrievalError(Exception):
        """What botocore raises for an expired SSO login; no SDK has to be installed to know it."""

    assert lacks_credentials(TokenRetrievalError("Token has expired and refresh failed"))
    assert not lacks_credentials(TimeoutError("timed out"))
