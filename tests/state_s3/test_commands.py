"""``mlem config set core.state.uri`` and ``mlem doctor`` on S3 servers that are right, and on some that are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from login_page import login_page

from mlem import DeclarationError, PlatformError
from mlem.project.config import load_config
from mlem.state.locks.request import LockRequest
from mlem.state.pointer import expect_nowhere_else
from mlem.state.stores.probe import probe
from mlem.testing import Project
from mlem_state_s3.errors import translate
from mlem_state_s3.sdk import make_client
from mlem_state_s3.state_manager import S3StateManager


def project_on(server: Any, folder: Path, **environment: str) -> Project:
    project = Project.make(folder / "project", {**server.environment, **environment})
    assert project.mlem("config", "set", "core.state.endpoint_url", server.url).returncode == 0
    return project


def test_a_right_server_is_accepted_and_left_clean(seaweedfs: Any, tmp_path: Path) -> None:
    project = project_on(seaweedfs, tmp_path)
    done = project.mlem("config", "set", "core.state.uri", "s3://states/accepted")
    assert (done.returncode, done.stdout) == (0, "core.state.uri = s3://states/accepted\n"), done.stderr
    config = load_config(project.folder)
    assert config.core.state.model_dump(exclude_unset=True) == {
        "endpoint_url": seaweedfs.url,
        "uri": "s3://states/accepted",
    }
    manager = S3StateManager(uri="s3://states/accepted", endpoint_url=seaweedfs.url)
    assert list(manager.store(tmp_path).names()) == []
    store: Any = manager.open_store(tmp_path)
    assert store.client.list_objects_v2(Bucket="states", Prefix="accepted/").get("KeyCount") == 0
    report = project.json("doctor")
    assert (report["ok"], [check["check"] for check in report["checks"]]) == (
        True,
        ["installation", "settings", "plugins", "state store"],
    )
    assert report["checks"][3]["message"] == "s3://states/accepted/.mlem.state/NAME.mlem.state: excludes two writers"


def test_moto_is_recognised_as_right_as_far_as_one_client_can_see(moto: Any, tmp_path: Path) -> None:
    manager = S3StateManager(uri="s3://states/probe", endpoint_url=moto.url)
    assert probe(manager, tmp_path, races=0) == manager
    erasing = manager.model_copy(update={"conditional_delete": False, "uri": "s3://states/erasing"})
    probe(erasing, tmp_path, races=2)
    store: Any = manager.open_store(tmp_path)
    assert [
        store.client.list_objects_v2(Bucket="states", Prefix=path).get("KeyCount") for path in ("probe/", "erasing/")
    ] == [0, 0]


@pytest.mark.parametrize("name", ["rclone", "s3rver"])
def test_a_server_that_ignores_conditions_is_refused_unless_it_is_asked_for(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(name)
    project = project_on(server, tmp_path)
    done = project.mlem("config", "set", "core.state.uri", "s3://states/refused", "--output", "json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (7, "unsafe-store"), done.stderr
    assert "this store creates what is there already: it can't exclude two writers" in error["message"]
    assert load_config(project.folder).core.state.uri is None
    assert project.mlem("config", "set", "core.state.uri", "s3://states/refused", "--unsafe").returncode == 0
    assert load_config(project.folder).core.state.model_dump(exclude_unset=True)["unsafe"] is True
    doctor = project.mlem("doctor")
    assert doctor.returncode == 7
    assert "can't exclude two writers" in doctor.stdout


def test_a_bucket_that_is_not_there_is_told(moto: Any, tmp_path: Path) -> None:
    done = project_on(moto, tmp_path).mlem("config", "set", "core.state.uri", "s3://no-such-bucket/x")
    assert (done.returncode, "there is no such bucket" in done.stderr) == (3, True), done.stderr


def test_credentials_that_are_wrong_or_missing_are_told(seaweedfs: Any, tmp_path: Path) -> None:
    project = project_on(seaweedfs, tmp_path)
    wrong = Project(project.folder, {**project.environment, "AWS_SECRET_ACCESS_KEY": "wrong"})
    done = wrong.mlem("config", "set", "core.state.uri", "s3://states/x")
    assert (done.returncode, "error[credentials]" in done.stderr) == (6, True), done.stderr
    assert "wrong" not in done.stdout + done.stderr
    none = Project(project.folder, {**project.environment, "AWS_SECRET_ACCESS_KEY": "", "AWS_ACCESS_KEY_ID": ""})
    done = none.mlem("config", "set", "core.state.uri", "s3://states/x")
    assert (done.returncode, "error[credentials]" in done.stderr) == (6, True), done.stderr


def test_a_server_that_is_not_there_is_told(moto: Any, tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project", moto.environment)
    assert project.mlem("config", "set", "core.state.endpoint_url", "http://127.0.0.1:9").returncode == 0
    done = project.mlem("config", "set", "core.state.uri", "s3://states/x")
    assert (done.returncode, "error[store-unavailable]" in done.stderr) == (7, True), done.stderr


@pytest.mark.parametrize("uri", ["s3://", "s3:///path"])
def test_a_uri_without_a_bucket_is_told(moto: Any, tmp_path: Path, uri: str) -> None:
    done = project_on(moto, tmp_path).mlem("config", "set", "core.state.uri", uri)
    assert (done.returncode, "is not s3://bucket/path" in done.stderr) == (2, True), done.stderr


def test_a_second_process_is_refused_with_the_holders_name(seaweedfs: Any, tmp_path: Path) -> None:
    """The lock is seen from another process, by its own connection."""
    from mlem import LockedError, State
    from mlem.state.locks.owner import new_lock

    manager = S3StateManager(uri="s3://states/two", endpoint_url=seaweedfs.url)
    one, two = manager.store(tmp_path), manager.store(tmp_path)
    with (
        manager.session(LockRequest(one, "app", new_lock("run", id_="ci-1"), initial=State(type="fake"))),
        pytest.raises(LockedError, match="lock id ci-1"),
        manager.session(LockRequest(two, "app", new_lock("run"), timeout_s=0.2)),
    ):
        pass


def test_one_locked_write_costs_three_requests_counted_on_the_wire(seaweedfs: Any, tmp_path: Path) -> None:
    from mlem import State
    from mlem.state.locks.owner import new_lock

    manager = S3StateManager(uri="s3://states/three", endpoint_url=seaweedfs.url)
    store: Any = manager.store(tmp_path)
    sent: list[str] = []
    store.inner.client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))
    for turn in range(2):
        with manager.session(
            LockRequest(store, "app", new_lock("run"), initial=State(type="fake", lineage="1" * 32))
        ) as session:
            assert session.state is not None
            session.finish(session.state.with_record("disk", {"turn": turn}))
    assert sent == ["GET", "PUT", "PUT"] * 2


def test_the_probe_tells_the_fault_of_a_proxy_that_drops_conditions(tmp_path: Path, rclone: Any) -> None:
    with pytest.raises(PlatformError, match="creates what is there already"):
        probe(S3StateManager(uri="s3://states/p", endpoint_url=rclone.url), tmp_path)


def test_an_address_that_is_no_s3_is_told(moto: Any, tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project", dict(moto.environment))
    with login_page() as address:
        for endpoint, words, exit_code in (
            (address, "the server that answered is not S3", 7),
            ("minio:9000", "write the address with its scheme", 2),
        ):
            assert project.mlem("config", "set", "core.state.endpoint_url", endpoint).returncode == 0
            done = project.mlem("config", "set", "core.state.uri", "s3://states/x")
            assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (exit_code, True, False), (
                done.stderr
            )


def test_a_clock_that_is_wrong_is_not_taken_for_a_wrong_profile() -> None:
    error = ClientError({"Error": {"Code": "RequestTimeTooSkewed", "Message": "too far"}}, "PutObject")
    told = translate(error, "s3://states/x", "write")
    assert (told.code, told.exit_code, "clock" in str(told.hint), "AWS_PROFILE" in str(told.hint)) == (
        "wrong-clock",
        6,
        True,
        False,
    )


def test_a_state_of_mlem_04_in_the_bucket_is_met_and_set_aside(moto: Any, tmp_path: Path) -> None:
    manager = S3StateManager(uri="s3://states/old", endpoint_url=moto.url)
    assert manager.read_04(tmp_path, "apps/iris") is None
    client = make_client(manager)
    for name in ("apps/iris", "apps/iris.04"):
        client.put_object(Bucket="states", Key=f"old/.mlem.state/{name}", Body=name.encode())
    assert manager.read_04(tmp_path, "apps/iris") == b"apps/iris"
    with pytest.raises(DeclarationError) as caught:
        expect_nowhere_else(manager, tmp_path, "apps/iris")
    assert (caught.value.code, "mlem migrate" in (caught.value.hint or "")) == ("of-mlem-0-4", True)
    assert manager.set_aside_04(tmp_path, "apps/iris") == "s3://states/old/.mlem.state/apps/iris.04-2"
    assert (manager.read_04(tmp_path, "apps/iris"), manager.read_04(tmp_path, "apps/iris.04-2")) == (None, b"apps/iris")


def test_options_of_s3fs_become_fields_and_credentials_are_left_out() -> None:
    options = {
        "key": "canary",
        "secret": "canary",
        "client_kwargs": {"endpoint_url": "http://127.0.0.1:1", "region_name": "eu-west-1"},
    }
    old = {"uri": "s3://states/x", "locking": True, "lock_timeout": 60, "storage_options": options}
    found = S3StateManager.translate_04(old, "app.mlem")
    assert found.fields == {"uri": "s3://states/x", "endpoint_url": "http://127.0.0.1:1", "region": "eu-west-1"}
    assert [lost.path for lost in found.lost] == ["lock_timeout", "storage_options.key", "storage_options.secret"]
    assert "canary" not in "".join(map(str, found.lost))
