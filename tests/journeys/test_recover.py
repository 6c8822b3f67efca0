"""What serves is found again when its state is lost, and put on record as the one that it is."""

from __future__ import annotations

from pathlib import Path

from mlem import api
from mlem.testing import Project

RECOVER = ("deployment", "state", "recover")


def lose_state(project: Project, name: str = "app") -> None:
    (project.folder / f"{name}.mlem.state").unlink()


def test_a_lost_state_is_made_again_from_what_serves(project: Project) -> None:
    assert project.run("local", "app", "iris").returncode == 0
    assert project.run("local", "other", "iris").returncode == 0
    before = project.json("deployment", "status", "app")
    lose_state(project)
    assert project.json("deployment", "status", "app")["status"] == "not_deployed"

    looked = project.mlem(*RECOVER, "app")
    assert (looked.returncode, looked.stdout.startswith("the process ")) == (0, True), looked.stderr
    assert looked.stdout.count("\n") == 1, "the other one has a name of its own"
    (found,) = project.json(*RECOVER, "app")
    assert f"mlem deployment state recover app --from {found['id']}" in looked.stderr
    assert project.json("deployment", "status", "app")["status"] == "not_deployed", "it only shows"

    done = project.mlem(*RECOVER, "app", "--from", found["id"], "--message", "the disk was lost")
    assert done.returncode == 0, done.stderr
    after = project.json("deployment", "status", "app")
    assert (after["status"], after["url"]) == ("running", before["url"]), "the very process"
    assert "the disk was lost" in project.mlem("deployment", "audit", "app").stdout


def test_another_model_than_the_declared_one_is_not_replaced_unasked(project: Project) -> None:
    assert project.run("local", "app", "iris").returncode == 0
    lose_state(project)
    declaration = project.folder / "app.mlem"
    declaration.write_text(declaration.read_text().replace("model: iris", "model: iris-v2"))
    (found,) = project.json(*RECOVER, "app")
    refused = project.mlem(*RECOVER, "app", "--from", found["id"])
    assert (refused.returncode, "error[other-model]" in refused.stderr) == (4, True), refused.stderr
    assert not (project.folder / "app.mlem.state").exists()
    done = project.mlem(*RECOVER, "app", "--from", found["id"], "--other-model")
    assert done.returncode == 0, done.stderr
    assert project.json(*("deployment", "receipt", "app"))["model"]["digest"] != found["model_hash"]


def test_what_another_deployment_has_started_is_left_to_it(project: Project) -> None:
    assert project.run("local", "other", "iris").returncode == 0
    assert project.mlem("declare", "deployment", "local", "app", "--model", "iris").returncode == 0
    assert project.mlem(*RECOVER, "app").stdout == "nothing was found\n"
    lose_state(project, "other")
    (found,) = project.json(*RECOVER, "other")
    refused = project.mlem(*RECOVER, "app", "--from", found["id"])
    assert (refused.returncode, 'the mlem deployment "other"' in refused.stderr) == (4, True), refused.stderr
    assert project.mlem(*RECOVER, "other", "--from", found["id"]).returncode == 0


def test_a_process_that_is_none_of_ours_is_refused(project: Project) -> None:
    assert project.mlem("declare", "deployment", "local", "app", "--model", "iris").returncode == 0
    for id_ in ("1", "no-process", "", "../../etc"):
        refused = project.mlem(*RECOVER, "app", "--from", id_)
        assert (refused.returncode, "error[nothing-to-take-over]" in refused.stderr) == (3, True), refused.stderr
    refused = project.mlem("deployment", "adopt", "local", "app", "--from", "1")
    assert (refused.returncode, "error[no-adopt]" in refused.stderr) == (2, True), refused.stderr


def test_from_python(project: Project) -> None:
    folder = str(project.folder)
    handle = api.deploy("local", "app", model="iris", project=folder)
    state = handle.state()
    assert state is not None
    lose_state(project)
    (found,) = api.find_candidates("app", project=folder)
    assert (found.owner.lineage, found.owner.deployment) == (state.lineage, "app")
    again, outcome = api.recover("app", found.id, project=folder)
    assert (outcome.state.lineage, again.address()) == (state.lineage, handle.address())


def test_a_note_that_was_edited_is_no_name(project: Project, tmp_path: Path) -> None:
    assert project.run("local", "app", "iris").returncode == 0
    (note,) = (tmp_path / "state").rglob("deployment.json")
    for content in ("[1]", '{"name": 7}', "{", "\x1b[31m"):
        note.write_text(content)
        lose_state_and_back = project.folder / "app.mlem.state"
        kept = lose_state_and_back.read_bytes()
        lose_state(project)
        assert project.mlem(*RECOVER, "app").stdout == "nothing was found\n"
        lose_state_and_back.write_bytes(kept)
