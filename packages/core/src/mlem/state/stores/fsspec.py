"""States under any fsspec URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from mlem.state.manager import Store
from mlem.state.stores.fsspec_errors import translated
from mlem.state.stores.leased import LeasedStateManager
from mlem_model.errors import PluginError
from mlem_model.legacy.fields import suffixes_04

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

FOLDER = ".mlem.state"


class FsspecStateManager(LeasedStateManager):
    """Any fsspec URL: by conditional requests where its file system has them, else by creating versions exclusively."""

    type: ClassVar[str] = "fsspec"

    storage_options: dict[str, Any] = Field(
        default={}, description="options of the fsspec file system; credentials belong into the environment"
    )

    def open_store(self, root: Path) -> Store:
        """Return the store under the URL; see `LeasedStateManager.open_store`."""
        fs, path = self._file_system(root)
        base, url = f"{path.rstrip('/')}/{FOLDER}", f"{self.uri.rstrip('/')}/{FOLDER}"
        if _is_s3(fs):
            from mlem.state.stores.s3fs import S3fsStore

            return S3fsStore(fs, base, url)
        from mlem.state.stores.exclusive import exclusive_creation
        from mlem.state.stores.log import LogStore

        return LogStore(fs, base, exclusive_creation(fs, unsafe=self.unsafe), url)

    def read_04(self, root: Path, name: str) -> bytes | None:
        """See `StateManager.read_04`."""
        fs, path = self._file_system(root)
        with translated(f"{self.uri}/{FOLDER}/{name}", "read"):
            try:
                return bytes(fs.cat_file(f"{path.rstrip('/')}/{FOLDER}/{name}"))
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                return None

    def set_aside_04(self, root: Path, name: str) -> str:
        """See `StateManager.set_aside_04`."""
        fs, path = self._file_system(root)
        old = f"{path.rstrip('/')}/{FOLDER}/{name}"
        with translated(f"{self.uri}/{FOLDER}/{name}", "rename"):
            free = next(suffix for suffix in suffixes_04() if not fs.exists(f"{old}{suffix}"))
            fs.mv(old, f"{old}{free}")
        return f"{self.uri.rstrip('/')}/{FOLDER}/{name}{free}"

    @property
    def conflicts_are_final(self) -> bool:
        """Files and memory refuse for the first time of asking; see `LeasedStateManager.conflicts_are_final`."""
        return self.uri.partition("://")[0] in ("file", "local", "memory") or "://" not in self.uri

    def _file_system(self, root: Path) -> tuple[AbstractFileSystem, str]:
        from fsspec.core import url_to_fs

        # A relative folder is the project's, wherever the command runs.
        uri = self.uri if "://" in self.uri else str(root / Path(self.uri).expanduser())
        # Listings that a file system remembers would show a waiter what was there long ago.
        options = {"use_listings_cache": False, "skip_instance_cache": True, **self.storage_options}
        scheme = uri.partition("://")[0]
        try:
            fs, path = url_to_fs(uri, **options)
        except (ImportError, ValueError) as error:
            package = "mlem-state-s3" if scheme in ("s3", "s3a") else f"mlem-state-{scheme}"
            words = str(error)
            hint = (
                f"pip install {package}"
                if isinstance(error, ValueError) or scheme in ("s3", "s3a")
                else words[:1].lower() + words[1:]
            )
            raise PluginError(
                f"nothing installed keeps states under {self.uri}: {words}", code="unknown-scheme", hint=hint
            ) from error
        return fs, path


def _is_s3(fs: AbstractFileSystem) -> bool:
    return type(fs).__module__.partition(".")[0] == "s3fs"
