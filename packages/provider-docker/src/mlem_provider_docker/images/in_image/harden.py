"""Takes from an image what a server has no use for: rights that programs give whoever starts them, and the base's pip.

Source: https://docs.docker.com/engine/security/ and CIS Docker Benchmark 1.6, 4.8, "setuid and setgid permissions are
removed" (read 2026-11).
"""

import os
import shutil
import stat
import sys

OTHERS = ("/proc", "/sys", "/dev", "/venv")


def main(root: str) -> None:
    """Look through all files.

    Args:
        root: Where they begin.
    """
    for folder, folders, files in os.walk(root):
        for name in list(folders):
            path = os.path.join(folder, name)
            if os.path.join("/", os.path.relpath(path, root)) in OTHERS:
                folders.remove(name)
            elif is_pip_folder(os.path.basename(folder), name):
                folders.remove(name)
                shutil.rmtree(path)
        for name in files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if is_pip_file(os.path.basename(folder), name):
                os.remove(path)
            elif stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                os.chmod(path, stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID))


def is_pip_folder(parent: str, name: str) -> bool:
    """Say whether a folder is pip's, or that of what puts pip back.

    Args:
        parent: Name of the folder that it is in.
        name: Its name.
    """
    in_packages = parent in ("site-packages", "dist-packages")
    return (
        in_packages and (name == "pip" or (name.startswith("pip-") and name.endswith((".dist-info", ".egg-info"))))
    ) or (parent.startswith("python3") and name == "ensurepip")


def is_pip_file(parent: str, name: str) -> bool:
    """Say whether a file is pip's command, or a wheel of it.

    Args:
        parent: Name of the folder that it is in.
        name: Its name.
    """
    return (parent == "bin" and name.rstrip("0123456789.") == "pip") or (
        name.startswith("pip-") and name.endswith(".whl")
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
