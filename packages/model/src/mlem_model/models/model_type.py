"""`ModelType`: how a kind of Python object becomes a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.models.pickling import pickles


class ModelType(ABC):
    """How a kind of object is recognised, saved and loaded. It is never instantiated.

    Attributes:
        type: The word in a model's file: ``sklearn``.
        format: The word for the format of its artifact.
        converts: Whether the artifact is another thing than the object, so that saving compares their answers.
        made_by: The distribution that brings the class, with its version, where it is not one of ours; set when the
            class is found.
        first_only: Whether a method's arguments but the first are knobs of the framework (``return_std``,
            ``num_iteration``), and not data.
        suffixes: How names of its files end that others have written: ``.ubj``.
        imports: Whether files that others have written are read, by `read`.
        system_packages: Debian packages that loading it needs, beside those that are known of its Python packages.
        files: Whether it is saved as a folder of files, by `dump_files` and `load_files`, and not as a single file.
    """

    type: ClassVar[str] = ""
    format: ClassVar[str] = "pickle"
    converts: ClassVar[bool] = False
    made_by: ClassVar[str] = ""
    first_only: ClassVar[bool] = True
    files: ClassVar[bool] = False
    system_packages: ClassVar[tuple[str, ...]] = ()
    suffixes: ClassVar[tuple[str, ...]] = ()
    imports: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def matches(cls, obj: Any) -> bool:
        """Say whether an object is of this kind, judging by the names of its classes: nothing is imported for it."""

    @classmethod
    @abstractmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """List what can be called.

        Args:
            obj: An object that matches.

        Returns:
            The attribute to call by public name. The first has to answer the sample; others that can't are left out.
        """

    @classmethod
    def served(cls, obj: Any) -> Any:
        """Return what is called in the place of an object, when it is saved as when it is served; by default itself.

        A framework whose methods take what no caller has, such as a matrix or a tensor of its own, has an object here
        whose methods take arrays and frames. `methods` and the others below are asked about it.

        Args:
            obj: An object that matches, or that was loaded.
        """
        return obj

    @classmethod
    def placed(cls, obj: Any) -> Any:
        """Return a loaded object where it is to answer, such as on a GPU; by default where it is.

        It is asked about what was loaded to be called, before `served`, and never about an object of the user's.

        Args:
            obj: What `load` or `load_files` has returned.
        """
        return obj

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """Say whether the framework promises that a method answers row by row; otherwise saving finds out.

        Args:
            obj: An object that matches.
            method: The method's public name.
        """
        return False

    @classmethod
    def sample_of(cls, obj: Any, method: str, sample_data: Any) -> Any:
        """Return the sample of a method: that of the first, unless the method takes something else.

        Args:
            obj: An object that matches.
            method: The method's public name.
            sample_data: The sample of the first method.
        """
        return sample_data

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """Return what is dumped in the place of an object, made before anything is written; by default itself.

        A framework that saves the program of an object needs a value to run it on. What is returned is given to `dump`
        or `dump_files`; `served` and `methods` are still asked about the object.

        Args:
            obj: An object that matches.
            sample_data: What its first method takes, as the user gave it; None where there is none.

        Raises:
            UnfitError: The format can't hold this object. The next kind that matches is taken, unless the user has
                named the format.
            UserError: It can't be saved, by this kind or another.
        """
        return obj

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """Write the artifact.

        Args:
            obj: What `prepared` has made of an object that matches.
            file: Where to; it can be written, not read or sought.

        Returns:
            The modules that loading it needs.
        """
        return pickles.dump(obj, file)

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """Read the artifact, whose content has been verified.

        Args:
            file: The artifact.
            requirements: The packages that it was saved with, for messages.
            trusted: Classes that the loading user trusts, for formats that need it.
        """
        return pickles.load(file, requirements)

    @classmethod
    def dump_files(cls, obj: Any, folder: Path) -> frozenset[str]:
        """Write the artifact as files; only where `files` says so.

        Args:
            obj: What `prepared` has made of an object that matches.
            folder: An empty folder; it may get folders of its own.

        Returns:
            The modules that loading it needs.
        """
        raise NotImplementedError

    @classmethod
    def load_files(cls, folder: Path, requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """Read the artifact from files that have been verified; only where `files` says so.

        Args:
            folder: What `dump_files` has written; it is gone after the call.
            requirements: See `load`.
            trusted: See `load`.
        """
        raise NotImplementedError

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Say whether a file or a folder that others have written is of this kind, judging by its name and its start.

        Args:
            path: The file or the folder, which exists.
        """
        return path.is_file() and path.name.lower().endswith(cls.suffixes) if cls.suffixes else False

    @classmethod
    def read(cls, path: Path, trusted: Sequence[str] = ()) -> Any:
        """Read a file or a folder that others have written, without running code of it.

        Args:
            path: The file or the folder.
            trusted: Classes that the user trusts.

        Raises:
            UserError: It is damaged, or has what could be any code.
        """
        if cls.files:
            return cls.load_files(path, trusted=trusted)
        with path.open("rb") as file:
            return cls.load(file, trusted=trusted)
