"""The base image `python:3.11-slim`: pulled where a registry has it, else a stand-in made of Debian's own Python 3.11.

The stand-in has the CA certificates of this machine, and points pip at them: where nothing can be pulled, packages come
through a proxy most often.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from machine import CACHE, need, note

NAME = "python:3.11-slim"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PACKAGES = "python3,python3-venv,ca-certificates"
_SHOULD_HAVE = ("usr/bin/python3", "usr/bin/pip", "usr/bin/python", CERTIFICATES.lstrip("/"))


def provide() -> None:
    """Make the image available to the Engine unless it is."""
    if _run("docker", "image", "inspect", NAME):
        note(f"{NAME} is there already")
        return
    tarball = CACHE / "python-3.11-slim.tar"
    if not tarball.exists():
        if _run("docker", "pull", "-q", NAME):
            note(f"{NAME} is pulled")
            return
        _pack(_rootfs(), tarball)
    changes = [
        f"ENV PIP_CERT={CERTIFICATES} SSL_CERT_FILE={CERTIFICATES} REQUESTS_CA_BUNDLE={CERTIFICATES}",
        "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin LANG=C.UTF-8",
        'CMD ["python3"]',
    ]
    arguments = [argument for change in changes for argument in ("--change", change)]
    subprocess.run(["docker", "import", *arguments, str(tarball), NAME], check=True, stdout=sys.stderr)
    note(f"{NAME} is imported")


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _rootfs() -> Path:
    rootfs = CACHE / "rootfs"
    if not (rootfs / "usr/bin/python3").exists() or not _run(
        "chroot", str(rootfs), "/usr/bin/python3", "-c", "import venv, ensurepip, ssl"
    ):
        note("making a Debian root with debootstrap, about 80 s")
        shutil.rmtree(rootfs, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        debootstrap = need("debootstrap", "debootstrap")
        subprocess.run(
            [debootstrap, "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(rootfs)],
            check=True,
            stdout=sys.stderr,
        )
    _complete(rootfs)
    return rootfs


def _complete(rootfs: Path) -> None:
    """Let `python` and `pip` be found as in the real image, and let them trust what this machine trusts."""
    shutil.copyfile(CERTIFICATES, rootfs / CERTIFICATES.lstrip("/"))
    if not (rootfs / "usr/bin/python").exists():
        (rootfs / "usr/bin/python").symlink_to("python3")
    if not (rootfs / "usr/bin/pip").exists():
        # Debian's Python has pip as a wheel for its venvs; the real image has it on the path.
        wheel = next((rootfs / "usr/share/python-wheels").glob("pip-*.whl"))
        pip = f'#!/bin/sh\nPYTHONPATH=/usr/share/python-wheels/{wheel.name} exec python3 -m pip "$@"\n'
        (rootfs / "usr/bin/pip").write_text(pip)
        (rootfs / "usr/bin/pip").chmod(0o755)
    missing = [name for name in _SHOULD_HAVE if not os.path.lexists(rootfs / name)]
    if missing:
        sys.exit(f"{rootfs} lacks {', '.join(missing)}")


def _pack(rootfs: Path, tarball: Path) -> None:
    partial = tarball.with_suffix(".partial")
    exclude = ["--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*", "--exclude=./dev/*"]
    subprocess.run(["tar", "-C", str(rootfs), *exclude, "-cf", str(partial), "."], check=True)
    partial.rename(tarball)


if __name__ == "__main__":
    provide()
