"""Make the templates of `mlem plugin new` of the examples, which are tested: their words become placeholders.

    python tools/template.py

Files have a placeholder for nothing at the end of their names, so that nobody takes them for Python.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "packages" / "core" / "src" / "mlem" / "templates"
EXAMPLES = {"provider": "mlem-provider-nimbus"}
"""The example of each kind of plugin."""
WORDS = {"nimbus": "word", "Nimbus": "name", "NIMBUS": "variable"}
_PLAIN = re.compile(r"[{}]{2,}|\{[%#]|[%#]\}|\{(?=" + "|".join(WORDS) + ")")
"""What would mean something to the template."""


def template(kind: str) -> dict[str, str]:
    """Return the files of a template, by their paths in it."""
    example = EXAMPLES[kind]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", f"examples/{example}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    found = {"cookiecutter.json": json.dumps({**dict.fromkeys(WORDS.values(), ""), "_nothing": ""}, indent=1) + "\n"}
    for name in sorted(listed):
        path = name.removeprefix("examples/")
        content = (ROOT / name).read_text(encoding="utf-8")
        found[_marked(path) + "{{cookiecutter._nothing}}"] = _marked(_PLAIN.sub(r"{{'\g<0>'}}", content))
    return found


def _marked(text: str) -> str:
    return re.sub("|".join(WORDS), lambda match: f"{{{{cookiecutter.{WORDS[match[0]]}}}}}", text)


def main() -> None:
    """Write all."""
    shutil.rmtree(TARGET, ignore_errors=True)
    for kind in EXAMPLES:
        for name, content in template(kind).items():
            path = TARGET / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
