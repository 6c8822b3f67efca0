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
EXAMPLES = {"provider": "mlem-provider-nimbus", "state": "mlem-state-cumulus"}
"""The example of each kind of plugin."""


def words(kind: str) -> dict[str, str]:
    """Return the words of an example, and what each is in the template."""
    word = EXAMPLES[kind].rpartition("-")[2]
    return {word: "word", word.capitalize(): "name", word.upper(): "variable"}


def template(kind: str) -> dict[str, str]:
    """Return the files of a template, by their paths in it."""
    example = EXAMPLES[kind]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", f"examples/{example}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    marks, any_word = words(kind), "|".join(words(kind))
    special = re.compile(rf"[{{}}]{{2,}}|\{{[%#]|[%#]\}}|\{{(?={any_word})")

    def marked(text: str) -> str:
        return re.sub(any_word, lambda match: f"{{{{cookiecutter.{marks[match[0]]}}}}}", text)

    found = {"cookiecutter.json": json.dumps({**dict.fromkeys(marks.values(), ""), "_nothing": ""}, indent=1) + "\n"}
    for name in sorted(listed):
        content = (ROOT / name).read_text(encoding="utf-8")
        found[marked(name.removeprefix("examples/")) + "{{cookiecutter._nothing}}"] = marked(
            special.sub(r"{{'\g<0>'}}", content)
        )
    return found


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
