"""An example of each name of `mlem`: `docs/reference/plugins.md` shows them.

A test is named after what it is an example of: `test_Step_makes_one_resource` is one of `Step`.
"""

from __future__ import annotations

import io
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

import mlem
from mlem import (
    AdaptedType,
    Builder,
    Change,
    Client,
    ConflictError,
    Context,
    CredentialsError,
    DataError,
    DataType,
    DeclarationError,
    Deployment,
    Env,
    GateError,
    Interface,
    LockedError,
    MlemError,
    Model,
    ModelType,
    NotFoundError,
    Phase,
    Place,
    PlatformError,
    PluginError,
    Record,
    State,
    Status,
    Step,
    Streams,
    UserError,
    Value,
    WaitTimeoutError,
    hookimpl,
    parse_type,
)
from mlem.provider import HttpClient, differences, ready


class FolderEnv(Env):
    """A folder that deployments live in."""

    type: ClassVar[str] = "folder"
    deployment_type: ClassVar[str] = "folder_process"

    path: Path = Field(description="the folder")


def test___version___is_that_of_the_distribution() -> None:
    assert re.match(r"\d+\.\d+\.\d+", mlem.__version__)


def test_Builder_makes_something_of_a_model(ctx: Context) -> None:
    class CardBuilder(Builder):
        """Writes down what a model can be asked."""

        type: ClassVar[str] = "card"

        path: Path = Field(description="the file to write")

        def build(self, model: Model, report: Callable[[str], None]) -> Mapping[str, Any]:
            report(f"read {model.location}")
            self.declared_path(self.path).write_text("\n".join(model.methods))
            return {"file": str(self.path)}

    card = Path(ctx.model.folder, "card.txt")
    assert CardBuilder(path=card).build(ctx.model, print) == {"file": str(card)}
    assert card.read_text() == "predict"


def test_Change_says_what_a_run_would_do() -> None:
    class ServerRecord(Record):
        step: ClassVar[str] = "server"

        port: int = 0

    def change_of(recorded: ServerRecord, wanted: ServerRecord) -> Change:  # the method `change` of a Step
        return Change("server", "replace", differences(recorded, wanted), downtime="some seconds")

    change = change_of(ServerRecord(port=8080), ServerRecord(port=9090))
    assert (change.action, change.reason) == ("replace", "port 8080 -> 9090")


def test_Client_calls_a_deployment_by_a_protocol_of_its_own(ctx: Context) -> None:
    class DirectClient(Client):
        """Calls the model in this process."""

        type: ClassVar[str] = "direct"

        def fetch_interface(self) -> Interface:
            return Interface.of(ctx.model)

        def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
            return [2 * number for number in payload["numbers"]]

    assert DirectClient().predict([1.0, 2.0]) == [2.0, 4.0]


def test_Status_is_a_phase_with_its_reason() -> None:
    status = Status(Phase.CRASHED, "the process ended with exit code 137")
    assert (str(status.phase), status.reason) == ("crashed", "the process ended with exit code 137")


def test_ConflictError_is_for_what_somebody_else_has_or_changed() -> None:
    error = ConflictError("the app iris belongs to another account", hint="choose another name: --app_name")
    assert (error.exit_code, error.code) == (4, "conflict")


def test_Context_is_what_a_step_knows(ctx: Context) -> None:
    assert (ctx.name, len(ctx.lineage)) == ("app", 32)
    labels = {
        "mlem.lineage": ctx.lineage,
        "mlem.model": ctx.model.digest,
    }  # what is made carries them, to be found again
    assert all(labels.values())


def test_CredentialsError_is_for_a_refused_login() -> None:
    error = CredentialsError("Heroku refused the key", hint="heroku login")
    assert (error.exit_code, error.hint) == (6, "heroku login")


def test_DataError_says_where_data_does_not_fit() -> None:
    error = DataError("data[3].age", "an integer", "a string")
    assert str(error) == "data[3].age: expected an integer, got a string"


def test_DeclarationError_is_what_a_wrong_field_becomes() -> None:
    with pytest.raises(DeclarationError) as caught:
        FolderEnv.from_data({"pth": "/srv"}, "prod.mlem")
    assert str(caught.value) == "prod.mlem: path: required field is missing\nprod.mlem: pth: unknown field"


def test_Deployment_has_steps_and_says_how_they_do(ctx: Context) -> None:
    class FolderProcess(Deployment):
        """A process in a folder."""

        type: ClassVar[str] = "folder_process"
        env_type: ClassVar[str] = "folder"

        port: int = Field(default=8080, description="where it listens")

        def steps(self, ctx: Context) -> Sequence[Step]:
            return []  # the resources, in the order in which they are made

        def status(self, ctx: Context, state: State) -> Status:
            is_ready, reason = ready(f"http://127.0.0.1:{self.port}", timeout_s=2.0)
            return Status(Phase.RUNNING) if is_ready else Status(Phase.STARTING, reason)

        def client(self, ctx: Context, state: State) -> Client:
            return HttpClient(url=f"http://127.0.0.1:{self.port}")

        def logs(self, ctx: Context, state: State, *, follow: bool, tail: int | None) -> Iterator[str]:
            yield "ready"

    declared = FolderProcess.from_data({"port": 1, "model": "iris"}, "app.mlem")
    assert declared.status(ctx, State(type="folder_process")).phase == Phase.STARTING


def test_Phase_is_one_of_six_words() -> None:
    assert [*Phase] == ["unknown", "not_deployed", "starting", "running", "stopped", "crashed"]


def test_Env_has_the_parameters_of_a_platform() -> None:
    assert FolderEnv.from_data({"path": "/srv/models"}, "prod.mlem").path == Path("/srv/models")


def test_GateError_is_for_a_release_that_answers_wrongly() -> None:
    error = GateError("predict answers 99.0 to the sample row, not 1.0")
    assert (error.exit_code, error.code) == (8, "gate-failed")


def test_Interface_says_how_a_model_is_called(ctx: Context) -> None:
    interface = Interface.of(ctx.model)
    assert interface.bind("predict", ([1.0, 2.0],)) == {"numbers": [1.0, 2.0]}
    assert Interface.parse(interface.to_json()).methods == interface.methods


def test_LockedError_ends_a_step_whose_run_lost_the_lock(ctx: Context) -> None:
    def copy_layers(guard: Callable[[], None]) -> None:
        for _ in range(3):
            guard()  # ctx.guard in a step: before each action on the platform in a long one

    def lost() -> None:
        raise LockedError('deployment "app" is locked by another process')

    copy_layers(ctx.guard)
    with pytest.raises(LockedError):
        copy_layers(lost)


def test_MlemError_is_the_root_of_every_expected_error() -> None:
    def ask() -> None:
        raise WaitTimeoutError("the platform did not answer")

    with pytest.raises(MlemError):
        ask()


def test_Model_is_the_metadata_of_what_is_deployed(ctx: Context) -> None:
    assert isinstance(ctx.model, Model)
    assert (list(ctx.model.methods), len(ctx.model.digest)) == (["predict"], 32)


def test_AdaptedType_lets_values_travel_as_those_of_another_type() -> None:
    class Words:
        def __init__(self, text: str) -> None:
            self.words = text.split()

    class WordsType(AdaptedType):
        """Words of a text; they travel as a list."""

        type: ClassVar[str] = "words"

        @classmethod
        def of(cls, value: Any, infer: Callable[[Any], DataType]) -> WordsType | None:
            return cls() if isinstance(value, Words) else None

        @property
        def wire(self) -> DataType:
            return parse_type({"type": "list", "dtype": {"type": "primitive", "ptype": "str"}})

        def to_wire(self, value: Any) -> Any:
            return value.words if isinstance(value, Words) else value

        def from_wire(self, value: Any) -> Any:
            return Words(" ".join(value))

    words = WordsType()
    assert words.encode(Words("to be")) == ["to", "be"]
    assert words.decode(["or", "not"]).words == ["or", "not"]


def test_DataType_checks_and_converts_the_values_of_its_kind() -> None:
    numbers: DataType = parse_type({"type": "list", "dtype": {"type": "primitive", "ptype": "float"}})
    assert numbers.json_schema()["type"] == "array"
    assert numbers.decode([1, 2.5]) == [1, 2.5]


def test_parse_type_makes_a_data_type_of_its_fields_in_a_file() -> None:
    array = parse_type({"type": "ndarray", "shape": [None, 2], "dtype": "float64"})
    assert (array.type, array.model_dump()["shape"]) == ("ndarray", (None, 2))


def test_ModelType_recognises_objects_by_their_class() -> None:
    class Counter:
        def count(self, words: list[str]) -> int:
            return len(words)

    class CounterType(ModelType):
        """A counter of words."""

        type: ClassVar[str] = "counter"

        @classmethod
        def matches(cls, obj: Any) -> bool:
            return type(obj).__name__ == "Counter"

        @classmethod
        def methods(cls, obj: Any) -> Mapping[str, str]:
            return {"predict": "count"}

    assert CounterType.matches(Counter())
    assert not CounterType.matches("words")


def test_NotFoundError_is_for_what_was_named_and_is_not_there() -> None:
    error = NotFoundError("there is no endpoint iris", known=["iris-a", "iris-b"])
    assert (error.exit_code, error.known) == (3, ("iris-a", "iris-b"))


def test_Place_tells_one_machine_or_account_from_every_other() -> None:
    recorded = Place(id="ABCD:EFGH", words="the Docker Engine build-7")
    assert recorded != Place(id="IJKL:MNOP", words="the Docker Engine build-7")


def test_PlatformError_is_for_a_platform_that_failed() -> None:
    error = PlatformError("Heroku answered 503 to five requests", code="unavailable", hint="look at status.heroku.com")
    assert (error.exit_code, error.code) == (7, "unavailable")


def test_PluginError_is_for_a_package_that_is_missing() -> None:
    error = PluginError("the docker SDK is not installed", hint="pip install mlem-provider-docker")
    assert (error.exit_code, error.code) == (3, "not-installed")


def test_Record_knows_what_it_was_told() -> None:
    class ContainerRecord(Record):
        """What is wanted of a container, and what the Engine says of it."""

        step: ClassVar[str] = "container"

        image: str = ""
        port: int | None = None
        id: str = ""

    wanted = ContainerRecord(image="iris:1", port=None)
    made = wanted.changed(id="0123456789ab")
    assert (wanted.knows("port"), wanted.knows("id"), differences(made, wanted)) == (True, False, "")
    assert made.to_data() == {"image": "iris:1", "port": None, "id": "0123456789ab"}  # what the state keeps
    assert ContainerRecord.from_data({"image": "iris:1", "gpu": 1}).to_data() == {
        "image": "iris:1",
        "gpu": 1,
    }  # a newer version knows why


def test_Step_makes_one_resource(ctx: Context, tmp_path: Path) -> None:
    class FolderRecord(Record):
        """A folder with the label in its name."""

        step: ClassVar[str] = "folder"

        path: str = ""

    class FolderStep(Step[Deployment, FolderEnv, FolderRecord]):
        """Makes the folder."""

        record = FolderRecord

        def wanted(self, ctx: Context[Deployment, FolderEnv]) -> FolderRecord:
            return FolderRecord(path=str(ctx.env.path / ctx.lineage))

        def observe(self, ctx: Context[Deployment, FolderEnv], recorded: FolderRecord) -> FolderRecord | None:
            return recorded if Path(recorded.path).is_dir() else None

        def apply(
            self, ctx: Context[Deployment, FolderEnv], wanted: FolderRecord, recorded: FolderRecord | None
        ) -> FolderRecord:
            Path(wanted.path).mkdir(exist_ok=True)  # a killed run may have made it
            return wanted

        def remove(self, ctx: Context[Deployment, FolderEnv], recorded: FolderRecord | None) -> None:
            shutil.rmtree(ctx.env.path / ctx.lineage, ignore_errors=True)

    step, ctx = FolderStep(), replace(ctx, env=FolderEnv(path=tmp_path))
    record = step.apply(ctx, step.wanted(ctx), None)
    assert (step.name, step.observe(ctx, record)) == ("folder", record)
    step.remove(ctx, record)
    assert step.observe(ctx, record) is None


def test_Streams_pass_bytes_on_as_they_are() -> None:
    def copied(streams: Streams, ended: threading.Event) -> int:
        """A command that answers what it is told: the platform's part of `Deployment.exec`."""
        for chunk in streams.chunks(ended):
            streams.write_output(chunk)
        streams.write_errors(b"done\n")
        return 0

    streams = Streams(io.BytesIO(b"\x1b[2J"), io.BytesIO(), io.BytesIO())
    assert copied(streams, threading.Event()) == 0
    assert (streams.stdout.getvalue(), streams.stderr.getvalue()) == (b"\x1b[2J", b"done\n")


def test_UserError_is_for_a_command_that_has_to_be_another() -> None:
    error = UserError("no region is set", hint="export AWS_REGION=eu-central-1")
    assert (error.exit_code, error.hint) == (2, "export AWS_REGION=eu-central-1")


def test_Value_is_a_group_of_fields_inside_a_declaration() -> None:
    class Logging(Value):
        driver: Literal["json-file", "journald"] = "json-file"

    class LoggedEnv(Env):
        """A platform with logs."""

        logging: Logging = Logging()

    with pytest.raises(DeclarationError) as caught:
        LoggedEnv.from_data({"logging": {"driver": "paper"}}, "prod.mlem")
    assert str(caught.value) == 'prod.mlem: logging.driver: expected "json-file" or "journald", got "paper"'


def test_WaitTimeoutError_is_for_what_did_not_happen_in_time() -> None:
    error = WaitTimeoutError("the app does not answer after 120 s", hint="mlem deployment logs app")
    assert (error.exit_code, error.code) == (9, "timed-out")


def test_hookimpl_marks_the_functions_of_a_plugin() -> None:
    @hookimpl
    def mlem_envs() -> Sequence[type[Env]]:
        return [FolderEnv]  # imported here, inside the function, where it costs time

    assert mlem_envs() == [FolderEnv]
