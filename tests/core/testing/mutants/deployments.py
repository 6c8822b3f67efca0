"""Broken deployment types, and their clients and builder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from mlem_provider_paper import deployment as paper
from mlem_provider_paper.deployment import (
    ImageStep,
    PaperBuilder,
    PaperClient,
    PaperEnv,
    PaperService,
    ServiceRecord,
    ServiceStep,
)
from mlem_provider_paper.platform import KEY, Paper
from mutant import breaks
from pydantic.fields import FieldInfo

from mlem import ConflictError, NotFoundError, Place, PlatformError, Status
from mlem import Phase as Phases

wanted, applied, observed, removed = ServiceStep.wanted, ServiceStep.apply, ServiceStep.observe, ServiceStep.remove
started, got, called = Paper.start, Paper.get, Paper._called
status, logs, loaded = PaperService.status, PaperService.logs, PaperClient.loaded


@breaks("LifeCycleSuite.test_before_a_run_it_is_not_deployed", says=r'== \{"create"\}')
def has_no_steps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperService, "steps", lambda self, ctx: [])


@breaks("LifeCycleSuite.test_run_makes_it_answer_as_the_saved_model", says="predict")
@breaks("LifeCycleSuite.test_a_first_release_that_answers_wrongly_is_refused", says="GateError.exit_code")
def answers_from_the_samples(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperClient, "call_encoded", lambda self, method, payload: self.loaded()[0].samples[method].returns)


@breaks("LifeCycleSuite.test_after_a_run_the_plan_is_empty_and_a_second_run_changes_nothing", says=r'== \{"keep"\}')
def wants_something_else_each_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServiceStep, "wanted", lambda self, ctx: wanted(self, ctx).changed(starts=time.time_ns()))


@breaks("LifeCycleSuite.test_a_run_does_what_its_plan_has_said", says="for step in changed")
def records_nothing_of_an_update(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        made = applied(self, ctx, wanted, recorded)
        return recorded or made

    patch.setattr(ServiceStep, "apply", apply)
    patch.setattr(ServiceStep, "observe", lambda self, ctx, recorded: recorded)


@breaks("LifeCycleSuite.test_another_model_replaces_the_first_and_can_be_rolled_back", says="rollback")
def puts_nothing_back(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        if ctx.model is None and recorded is not None:
            applied(self, ctx, wanted.changed(image=recorded.image), recorded)
            return wanted.changed(id=recorded.id)
        return applied(self, ctx, wanted, recorded)

    patch.setattr(ServiceStep, "apply", apply)


@breaks("LifeCycleSuite.test_what_was_just_deployed_has_not_drifted", says="declare it as it is")
def has_no_address_though_it_says_so(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperService, "address", lambda self, ctx, state: None)


@breaks("LifeCycleSuite.test_a_release_that_answers_wrongly_gives_way_to_the_last_good_one", says="serves again")
def prunes_before_the_gate(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        made = applied(self, ctx, wanted, recorded)
        for image in {*Paper().images_of(ctx.lineage)} - {wanted.image}:
            Paper().delete_image(image)
        return made

    patch.setattr(ServiceStep, "apply", apply)


@breaks("LifeCycleSuite.test_a_changed_field_is_an_update", says=r"== \[2, 1\]")
def forgets_a_field(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServiceStep, "wanted", lambda self, ctx: wanted(self, ctx).changed(size=1))


@breaks("LifeCycleSuite.test_a_death_behind_our_back_is_found_out_and_repaired", says=r'!= \{"keep"\}')
def believes_its_records(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServiceStep, "observe", lambda self, ctx, recorded: recorded)


@breaks("LifeCycleSuite.test_a_restart_serves_the_same_release", says="restart")
def restarts_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServiceStep, "restart", lambda self, ctx, recorded: None)


@breaks("LifeCycleSuite.test_remove_leaves_nothing_and_twice_is_fine", says=r"leftovers\(lineage\) == \[\]")
def leaves_images_behind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ImageStep, "remove", lambda self, ctx, recorded: None)


@breaks("LifeCycleSuite.test_what_somebody_made_from_it_by_hand_is_left_alone", says="made")
def takes_copies_for_its_own(patch: pytest.MonkeyPatch) -> None:
    def remove(self: Any, ctx: Any, recorded: Any) -> None:
        for path in (Paper().home / "services").glob("*.json"):
            found = Paper().get(path.stem)
            if found and found["lineage"].startswith(ctx.lineage):
                Paper().delete(path.stem)

    patch.setattr(ServiceStep, "remove", remove)


@breaks("LifeCycleSuite.test_seen_from_elsewhere_it_is_not_taken_for_gone", says="elsewhere")
def is_everywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperService, "place", lambda self, ctx: None)


@breaks("LifeCycleSuite.test_what_is_elsewhere_is_forgotten_only_where_it_is_asked_for", says="reachable")
def is_never_at_the_same_place(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperService, "place", lambda self, ctx: Place(id=uuid.uuid4().hex, words="somewhere"))


@breaks("LifeCycleSuite.test_what_has_lost_its_state_is_found_by_its_marks", says="StopIteration|recover")
def finds_nothing_by_its_marks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperService, "candidates", lambda self, ctx, id_: [])


@breaks("LifeCycleSuite.test_the_client_knows_the_methods_and_checks_arguments", says="KeyError")
def checks_no_arguments(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperClient, "call", lambda self, method, *args: self.call_encoded(method, {"numbers": args[0]}))


@breaks("LifeCycleSuite.test_logs_are_there", says=r"tail=1")
def ignores_tail(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        PaperService, "logs", lambda self, ctx, state, follow, tail: logs(self, ctx, state, follow=follow, tail=None)
    )


@breaks("EveryDaySuite.test_a_day_with_a_deployment", says="--since")
def writes_lines_without_a_time(patch: pytest.MonkeyPatch) -> None:
    def start(self: Any, name: str, **fields: Any) -> Any:
        made = started(self, name, **fields)
        return self.put(name, log=[line.partition(" ")[2] for line in made["log"]])

    patch.setattr(Paper, "start", start)


@breaks("EveryDaySuite.test_what_ran_before_has_a_log", says="DID NOT RAISE")
def takes_what_runs_for_what_ran_before(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        PaperService, "previous_logs", lambda self, ctx, state: logs(self, ctx, state, follow=False, tail=None)
    )


@breaks("EveryDaySuite.test_a_command_runs_where_the_model_is_served", says="can't do this|== \\(7")
def says_that_it_runs_commands(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperService, "capabilities", PaperService.capabilities | {"exec"})


@breaks("EveryDaySuite.test_in_maintenance_callers_get_no_answers", says="Phase.STOPPED")
def says_nothing_of_maintenance(patch: pytest.MonkeyPatch) -> None:
    def say(self: Any, ctx: Any, state: Any) -> Status:
        found = status(self, ctx, state)
        return Status(Phases.RUNNING) if "maintenance" in found.reason else found

    patch.setattr(PaperService, "status", say)


@breaks(
    "EveryDaySuite.test_what_has_expired_is_removed_and_stops_by_itself_where_it_can", says=r"lineage_of\(handle\)\)"
)
def goes_on_after_its_time(patch: pytest.MonkeyPatch) -> None:
    def get(self: Any, name: str) -> Any:
        found = got(self, name)
        return {**found, "running": True} if found and found["over"] else found

    patch.setattr(Paper, "get", get)


@breaks("OperationSuite.test_a_plan_before_the_first_run_on_a_shared_store", says="is there already")
def finds_names_taken(patch: pytest.MonkeyPatch) -> None:
    def check(self: Any, ctx: Any, wanted: Any, recorded: Any) -> None:
        if recorded is None:
            raise ConflictError("the name is there already")

    patch.setattr(ServiceStep, "check", check)


@breaks("OperationSuite.test_records_are_plain_data", says="not plain data|Path")
def keeps_a_path(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        made = applied(self, ctx, wanted, recorded)
        return made.model_copy(update={"id": Path(made.id)})

    patch.setattr(ServiceStep, "apply", apply)


@breaks("OperationSuite.test_a_reader_that_goes_away_does_not_end_a_run", says=r"_read_one_line")
def talks_past_us(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        subprocess.run(["sh", "-c", "echo a; sleep 0.3; echo b"], check=True, stdout=sys.__stdout__)
        return applied(self, ctx, wanted, recorded)

    patch.setattr(ServiceStep, "apply", apply)


@breaks(
    "OperationSuite.test_a_store_that_stops_answering_in_a_run_loses_nothing",
    "CrashSafetySuite.test_a_first_run_killed_at_any_boundary_is_finished_by_the_next",
    says="is mine, I think",
)
def refuses_what_it_has_made_itself(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        if recorded is None and Paper().get(wanted.name):
            raise ConflictError("the service is there, and not on record: it is mine, I think")
        return applied(self, ctx, wanted, recorded)

    patch.setattr(ServiceStep, "apply", apply)


@breaks(
    "CrashSafetySuite.test_an_update_killed_at_any_boundary_is_finished_by_the_next",
    says="already has this image",
    every=1,
)
def updates_nothing_twice(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        found = Paper().get(wanted.name)
        if recorded is not None and found and found["image"] == wanted.image != recorded.image:
            raise ConflictError("the service already has this image")
        return applied(self, ctx, wanted, recorded)

    patch.setattr(ServiceStep, "apply", apply)


@breaks("CrashSafetySuite.test_a_remove_killed_at_any_boundary_is_finished_by_the_next", says="nothing to remove")
def removes_nothing_twice(patch: pytest.MonkeyPatch) -> None:
    def remove(self: Any, ctx: Any, recorded: Any) -> None:
        if recorded is not None and not Paper().services(ctx.lineage):
            raise NotFoundError("there is nothing to remove")
        removed(self, ctx, recorded)

    patch.setattr(ServiceStep, "remove", remove)


@breaks(
    "CrashSafetySuite.test_a_run_killed_at_any_boundary_can_be_removed",
    says=r"leftovers\(state.lineage\) == \[\]",
    every=1,
)
def removes_what_is_on_record_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServiceStep, "remove", lambda self, ctx, recorded: removed(self, ctx, recorded) if recorded else None)


@breaks("OperationSuite.test_a_rotated_secret_is_noticed", says="returncode == 10")
def forgets_what_it_passed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(paper, "_digest", lambda name, lineage: "")


@breaks("OperationSuite.test_authentication_does_not_fall_away_by_itself", says="lets everybody in")
def lets_everybody_in(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServiceStep, "wanted", lambda self, ctx: wanted(self, ctx).changed(tokens=None))


@breaks("OperationSuite.test_the_providers_own_secrets_stay_out_of_everything", says="a file")
def keeps_its_key_in_the_state(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        return applied(self, ctx, wanted, recorded).changed(note=os.environ[KEY])

    patch.setattr(ServiceStep, "apply", apply)


@breaks("OperationSuite.test_the_providers_own_secrets_stay_out_of_everything", says="a message")
def says_its_key(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        ctx.report(f"signing in with {os.environ[KEY]}")
        return applied(self, ctx, wanted, recorded)

    patch.setattr(ServiceStep, "apply", apply)


@breaks("OperationSuite.test_the_providers_own_secrets_stay_out_of_everything", says="an argument list")
def gives_its_key_as_an_argument(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Any, ctx: Any, wanted: Any, recorded: Any) -> Any:
        subprocess.run(["sh", "-c", "sleep 0.5; exit 0", os.environ[KEY]], check=True)
        return applied(self, ctx, wanted, recorded)

    patch.setattr(ServiceStep, "apply", apply)


@breaks("OperationSuite.test_the_providers_own_secrets_stay_out_of_everything", says="a message")
def has_its_key_in_the_log(patch: pytest.MonkeyPatch) -> None:
    def start(self: Any, name: str, **fields: Any) -> Any:
        made = started(self, name, **fields)
        return self.put(name, log=[*made["log"], f"signed in with {os.environ[KEY]}"])

    patch.setattr(Paper, "start", start)


@breaks("DeclarationSuite.test_env_and_deployment_lead_to_each_other", says="lead back")
def leads_elsewhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperEnv, "deployment_type", "paper_job")


@breaks("DeclarationSuite.test_every_field_is_described", says="paper_service.size")
def describes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperService.model_fields["size"], "description", None)


@breaks("DeclarationSuite.test_no_field_is_a_secret", says="paper.api_key")
def has_a_key_for_a_field(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(PaperEnv.model_fields, "api_key", FieldInfo(annotation=str, description="the key", default=""))


@breaks("DeclarationSuite.test_what_is_declared_is_read_back", says="not read back")
def is_not_read_back(patch: pytest.MonkeyPatch) -> None:
    data = PaperEnv.to_data
    patch.setattr(PaperEnv, "to_data", lambda self: {**data(self), "region": uuid.uuid4().hex})


@breaks("DeclarationSuite.test_capabilities_are_declared_as_they_are", says="adopt")
def can_do_less_than_it_says(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperService, "capabilities", PaperService.capabilities | {"adopt"})


@breaks("DeclarationSuite.test_what_is_wanted_is_known_without_the_platform", says="was asked of the platform")
def asks_what_it_wants(patch: pytest.MonkeyPatch) -> None:
    def want(self: Any, ctx: Any) -> Any:
        with socket.socket() as asked:
            asked.connect(("127.0.0.1", 9))
        return wanted(self, ctx)

    patch.setattr(ServiceStep, "wanted", want)


@breaks("DeclarationSuite.test_records_come_back_from_data", says="without a default")
def needs_a_field_of_its_record(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(ServiceRecord.model_fields, "size", FieldInfo(annotation=int))


@breaks("NeighbourSuite.test_what_somebody_else_has_is_refused_and_left_alone", says="not refused")
def takes_what_is_somebody_elses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServiceStep, "expect_ours", lambda self, ctx, found: None)


@breaks("NeighbourSuite.test_two_deployments_do_not_touch_each_other", says="can't be deployed")
def calls_everything_by_one_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(paper, "slug", lambda name, lineage: "service")


@breaks("NeighbourSuite.test_what_no_kept_release_needs_is_pruned", says="still there")
def prunes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ImageStep, "prune", lambda self, ctx, keep: None)


@breaks("NeighbourSuite.test_looking_changes_nothing", says="has changed something")
def repairs_what_it_looks_at(patch: pytest.MonkeyPatch) -> None:
    def check(self: Any, ctx: Any, wanted: Any, recorded: Any) -> None:
        (Paper().images / f"{ctx.lineage}-{uuid.uuid4().hex}").mkdir(parents=True)

    patch.setattr(ServiceStep, "check", check)


@breaks("FailureSuite.test_credentials_that_are_missing_are_named", says="exit code 7")
def takes_missing_credentials_for_a_failure(patch: pytest.MonkeyPatch) -> None:
    def call(self: Any) -> None:
        if not os.environ.get(KEY):
            raise PlatformError("401 Unauthorized")
        called(self)

    patch.setattr(Paper, "_called", call)


@breaks("FailureSuite.test_credentials_that_are_wrong_are_named", says="value is in the message|was called with")
def says_which_key_is_wrong(patch: pytest.MonkeyPatch) -> None:
    from mlem import CredentialsError

    def call(self: Any) -> None:
        if os.environ.get(KEY, "").startswith("canary-wrong"):
            raise CredentialsError(f"{KEY} is wrong: {os.environ[KEY]}")
        called(self)

    patch.setattr(Paper, "_called", call)


@breaks("FailureSuite.test_a_platform_that_fails_is_told_and_loses_nothing", says="exit code 0")
def takes_no_answer_for_nothing_there(patch: pytest.MonkeyPatch) -> None:
    def observe(self: Any, ctx: Any, recorded: Any) -> Any:
        try:
            return observed(self, ctx, recorded)
        except PlatformError:
            return None

    patch.setattr(ServiceStep, "observe", observe)
    patch.setattr(ImageStep, "observe", lambda self, ctx, recorded: recorded)
    patch.setattr(PaperService, "place", lambda self, ctx: None)
    patch.setattr(ServiceStep, "check", lambda self, ctx, wanted, recorded: None)


@breaks("LogSuite.test_a_log_is_followed_until_its_end", says="goes on after the end")
def follows_for_ever(patch: pytest.MonkeyPatch) -> None:
    def follow_on(self: Any, ctx: Any, state: Any, *, follow: bool, tail: int | None) -> Any:
        yield from logs(self, ctx, state, follow=False, tail=tail)
        while follow:
            time.sleep(0.05)

    patch.setattr(PaperService, "logs", follow_on)


@breaks("LogSuite.test_a_log_is_followed_until_its_end", says="following ends while")
def follows_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        PaperService,
        "logs",
        lambda self, ctx, state, follow, tail: logs(self, ctx, state, follow=False, tail=tail),
    )


@breaks("ClientSuite.test_it_answers_as_the_model", says="assert|another answer|gave an answer")
def wraps_its_answers(patch: pytest.MonkeyPatch) -> None:
    answer = PaperClient.call_encoded
    patch.setattr(PaperClient, "call_encoded", lambda self, method, payload: {"data": answer(self, method, payload)})


@breaks("ClientSuite.test_what_does_not_fit_is_refused_before_it_is_sent", says="KeyError")
def sends_whatever_it_is_given(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperClient, "call", lambda self, method, *args: self.call_encoded(method, {"numbers": args[0]}))


@breaks("ClientSuite.test_it_is_used_after_copying_pickling_and_closing", says="is closed")
def is_closed_for_good(patch: pytest.MonkeyPatch) -> None:
    closed: set[int] = set()

    def load(self: Any) -> Any:
        if id(self) in closed:
            raise PlatformError("the client is closed")
        return loaded(self)

    patch.setattr(PaperClient, "close", lambda self: closed.add(id(self)))
    patch.setattr(PaperClient, "loaded", load)


@breaks("ClientSuite.test_a_server_that_does_not_answer_is_an_error_in_words", says="an error of a library")
def lets_errors_of_a_library_through(patch: pytest.MonkeyPatch) -> None:
    def load(self: Any) -> Any:
        raise ConnectionRefusedError("111")

    patch.setattr(PaperClient, "loaded", load)


@breaks("ClientSuite.test_it_is_shown_without_secrets", says="PaperClient\\(|assert")
def is_shown_on_many_lines(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperClient, "__repr__", lambda self: "PaperClient(\n...)")


built = PaperBuilder.build


@breaks("BuilderSuite.test_what_is_made_is_said_as_data", says="has loaded the model")
def loads_the_model(patch: pytest.MonkeyPatch) -> None:
    from mlem.api.objects import with_object

    def build(self: Any, model: Any, report: Any) -> Any:
        made = built(self, model, report)
        with_object(str(self.target / "model"), None)
        return made

    patch.setattr(PaperBuilder, "build", build)


@breaks("BuilderSuite.test_built_again_it_is_the_same", says="another artifact")
def writes_the_time(patch: pytest.MonkeyPatch) -> None:
    def build(self: Any, model: Any, report: Any) -> Any:
        made = built(self, model, report)
        (self.target / "made").write_text(str(time.time_ns()))
        return made

    patch.setattr(PaperBuilder, "build", build)


@breaks("BuilderSuite.test_another_model_makes_another_artifact", says="the artifact of the model before")
def builds_once(patch: pytest.MonkeyPatch) -> None:
    def build(self: Any, model: Any, report: Any) -> Any:
        return {"folder": str(self.target)} if self.target.exists() else built(self, model, report)

    patch.setattr(PaperBuilder, "build", build)


@breaks("BuilderSuite.test_what_can_not_be_built_is_an_error_in_words", says="an error of a library")
def copies_what_it_finds(patch: pytest.MonkeyPatch) -> None:
    def build(self: Any, model: Any, report: Any) -> Any:
        for artifact in model.artifacts.values():
            shutil.copy(Path(model.folder, artifact.uri), self.target)
        return {}

    patch.setattr(PaperBuilder, "build", build)
