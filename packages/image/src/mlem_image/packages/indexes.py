"""`Indexes`: where packages are taken from: the arguments for pip that mean something where nothing is installed."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from mlem import UserError
from mlem.provider import uv_environment
from mlem_image.recipes.options import ImageOptions
from mlem_image.recipes.pip_arguments import read_arguments

_LISTS = ("extra-index-url", "find-links", "trusted-host")
_PLAIN = "%/:=&?~#+!;@()*[]"
"""What stays as it is in an address; neither a variable, a quote, a space nor a comma is left in it."""
_URLS = ("index-url", "extra-index-url", "find-links", "proxy")


@dataclass(frozen=True)
class Indexes:
    """What a user says of indexes, beside the settings of pip; it is in no argument and no message.

    Attributes:
        given: Arguments for pip, with their values: ``("index-url", "https://...")``; that of a flag is empty.
        ca_file: Certificates to trust instead of the system's.
    """

    given: tuple[tuple[str, str], ...] = ()
    ca_file: Path | None = None

    @classmethod
    def of(cls, options: ImageOptions) -> Self:
        """Read the options of an image.

        Raises:
            DeclarationError: An argument means nothing without a run, or lacks its value.
            UserError: The certificates can't be used.
        """
        found = []
        for name, value in read_arguments(options.pip_arguments):
            if name == "find-links" and "://" not in value:
                found.append((name, quote(options.declared_path(value).as_uri(), safe=_PLAIN)))  # as uv takes it too
            else:
                found.append((name, quote(value, safe=_PLAIN) if name in _URLS else value))
        return cls(tuple(found), _certificates(options))

    def pip_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment for pip.

        Source: https://pip.pypa.io/en/stable/topics/configuration/#environment-variables (read 2026-11).

        Args:
            environment: That of this process.
        """
        found = dict(environment)
        for name, value in self.given:
            if name not in _LISTS and name != "only-binary":
                found[f"PIP_{name.upper().replace('-', '_')}"] = value or "1"
            if name == "timeout":
                found["PIP_DEFAULT_TIMEOUT"] = value
        if self.ca_file is not None:
            # pip's library has the second one count more: https://github.com/psf/requests/issues/3829 (read 2026-11)
            found["PIP_CERT"] = found["REQUESTS_CA_BUNDLE"] = str(self.ca_file)
        return found

    @property
    def pip_lines(self) -> list[str]:
        """What a file of requirements has of them: lists, which add to the user's settings there."""
        return [f"--{name} {value}" for name, value in self.given if name in _LISTS]

    def uv_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment for uv, which does not look at pip's settings where it has none of its own.

        Source: https://docs.astral.sh/uv/reference/environment/ (read 2026-11).

        Args:
            environment: That of this process.
        """
        found = uv_environment(environment)
        if self._last("index-url"):
            found.pop("UV_INDEX_URL", None)
            found["UV_DEFAULT_INDEX"] = self._last("index-url")
        if self._all("extra-index-url"):
            found["UV_INDEX"] = " ".join((*self._all("extra-index-url"), *found.get("UV_INDEX", "").split()))
            found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip chooses
        if self._all("find-links"):
            found["UV_FIND_LINKS"] = ",".join(filter(None, (found.get("UV_FIND_LINKS"), *self._all("find-links"))))
        if self._all("trusted-host"):
            found["UV_INSECURE_HOST"] = " ".join((found.get("UV_INSECURE_HOST", ""), *self._all("trusted-host")))
        if self._last("proxy"):
            found = {name: value for name, value in found.items() if name.lower() != "no_proxy"}
            names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
            found |= {each: self._last("proxy") for name in names for each in (name, name.lower())}
        if self._last("retries"):
            found["UV_HTTP_RETRIES"] = str(int(float(self._last("retries"))))
        if self._last("timeout"):
            found["UV_HTTP_TIMEOUT"] = str(max(1, int(float(self._last("timeout")))))
        found |= {"UV_NO_INDEX": "1"} if ("no-index", "") in self.given else {}
        found |= {"UV_PRERELEASE": "allow"} if ("pre", "") in self.given else {}
        found |= {"SSL_CERT_FILE": str(self.ca_file)} if self.ca_file is not None else {}
        return found

    @property
    def key(self) -> list[object]:
        """What other packages may be chosen by: addresses without credentials, and what a folder has."""
        found: list[object] = []
        for name, value in self.given:
            if name in ("index-url", "extra-index-url", "find-links"):
                parts = urlsplit(value)
                found.append([name, parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()])
                if parts.scheme == "file":
                    folder = Path(url2pathname(parts.path))
                    found += sorted([path.name, path.stat().st_size] for path in folder.glob("*.whl"))
            elif name in ("no-index", "pre"):
                found.append(name)
        return found

    def _all(self, wanted: str) -> list[str]:
        return [value for name, value in self.given if name == wanted]

    def _last(self, wanted: str) -> str:
        return next(reversed(self._all(wanted)), "")


NO_INDEXES = Indexes()


def _certificates(options: ImageOptions) -> Path | None:
    if options.ca_file is None:
        return None
    path = options.declared_path(options.ca_file)
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:
        raise UserError(f"ca_file {path} can't be used: {error}", code="bad-ca-file") from error
    return path
