"""The bundle: the model's files on Nimbus. It never changes; another model is another bundle."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mlem import Change, NotFoundError, Record, Step
from mlem.provider import copy_model, differences

from mlem_provider_nimbus.api import Nimbus
from mlem_provider_nimbus.env import NimbusEnv

if TYPE_CHECKING:
    from mlem import Context, Model

    from mlem_provider_nimbus.deployment import NimbusService


class BundleRecord(Record):
    """What is wanted of the bundle, and what it is."""

    step: ClassVar[str] = "bundle"

    model_hash: str | None = None
    id: str = ""


class BundleStep(Step["NimbusService", NimbusEnv, BundleRecord]):
    """The model's files: uploaded once, and deleted when no kept release needs them."""

    record = BundleRecord

    def wanted(self, ctx: Context[NimbusService, NimbusEnv]) -> BundleRecord:
        """Want the files of this model."""
        return BundleRecord(model_hash=ctx.model.digest if ctx.model else None)

    def observe(self, ctx: Context[NimbusService, NimbusEnv], recorded: BundleRecord) -> BundleRecord | None:
        """Look whether it is still there."""
        return recorded if recorded.id and Nimbus.of(ctx.env).has_bundle(recorded.id) else None

    def change(self, recorded: BundleRecord, wanted: BundleRecord) -> Change:
        """Another model is another bundle; the old one serves until the new one does."""
        return Change(self.name, "replace", differences(recorded, wanted))

    def apply(
        self, ctx: Context[NimbusService, NimbusEnv], wanted: BundleRecord, recorded: BundleRecord | None
    ) -> BundleRecord:
        """Upload it. Its id is made of whose and which it is, so that a second run makes no second one."""
        nimbus = Nimbus.of(ctx.env)
        id_ = bundle_id(ctx.lineage, str(wanted.model_hash))
        if ctx.model is not None:
            ctx.guard()
            nimbus.upload(id_, ctx.lineage, packed(ctx.model))
        elif not nimbus.has_bundle(id_):  # an earlier release is put back: its files have to be there
            raise NotFoundError(f"the bundle {id_[:12]} is gone from Nimbus", code="gone", hint="run it with its model")
        return wanted.changed(id=id_)

    def remove(self, ctx: Context[NimbusService, NimbusEnv], recorded: BundleRecord | None) -> None:
        """Delete all that are ours, recorded or not."""
        self._delete(ctx, keep=())

    def prune(self, ctx: Context[NimbusService, NimbusEnv], keep: Sequence[BundleRecord]) -> None:
        """Delete those that no kept release needs."""
        self._delete(ctx, [record.id for record in keep])

    def _delete(self, ctx: Context[NimbusService, NimbusEnv], keep: Sequence[str]) -> None:
        nimbus = Nimbus.of(ctx.env)
        for id_ in nimbus.bundles(ctx.lineage):
            if id_ not in keep:
                ctx.guard()
                nimbus.delete_bundle(id_)


def bundle_id(lineage: str, model_hash: str) -> str:
    """Return the id of a model's bundle, for one deployment."""
    return hashlib.sha256(f"{lineage}/{model_hash}".encode()).hexdigest()


def packed(model: Model) -> bytes:
    """Return a model's files as a tar archive: checked, and never loaded."""
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=content, mode="w:gz") as archive:
        copy_model(model, Path(folder) / "model")
        archive.add(Path(folder) / "model", arcname=".")
    return content.getvalue()
