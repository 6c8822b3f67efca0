"""The built site: nothing of it comes from another host, everybody can read it, and its search works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from manual.pages import ROOT

PAGES = ["index.html", "tutorial.html", "reference/settings.html", "how-to/local.html", "decisions/index.html"]
SIZES = [375, 1200]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `nox -s docs` builds it, of a copy."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("reference"))
    shutil.copy(ROOT / "mkdocs.yml", folder)
    for words in (
        [str(ROOT / "tools" / "reference.py"), str(folder / "docs" / "reference")],
        ["-m", "zensical", "build", "--strict"],
    ):
        done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loads = re.compile(
        r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'> ]+"""
        r"""|<link\b(?![^>]*\brel=["']?(?:canonical|alternate|next|prev))[^>]*\bhref=["']?(?:https?:)?//[^"'> ]+"""
    )
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    assert {page.name: found for page in pages if (found := loads.findall(page.read_text(encoding="utf-8")))} == {}
    styles = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^"') ]+""")
    assert {page.name: found for page in site.rglob("*.css") if (found := styles.findall(page.read_text()))} == {}


def test_a_browser_asks_no_other_host_and_finds_no_fault(site: Path, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page, asked, problems = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    for name in PAGES:
        page.goto((site / name).as_uri())
    assert ([url for url in asked if not url.startswith(("file:", "data:", "blob:"))], problems) == ([], [])
    context.close()


def test_the_search_finds_a_page_where_the_site_is_opened_as_files(site: Path, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("rollback")
    page.wait_for_selector("text=/^[0-9]+ results$/", timeout=20_000)
    assert page.get_by_text("Go back", exact=True).count()
    context.close()


@pytest.mark.parametrize("width", SIZES)
def test_no_page_scrolls_sideways(site: Path, browser: Any, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page, wide = context.new_page(), {}
    for path in sorted(site.rglob("*.html")):
        if path.parent.name == "decisions" or path.name == "404.html":
            continue
        page.goto(path.as_uri())
        found = page.evaluate(WIDE, width)
        if found:
            wide[path.name] = found
    assert wide == {}
    context.close()


WIDE = """(width) => [
    ...(document.documentElement.scrollWidth > innerWidth ? ["the page"] : []),
    ...(width < 1000 ? [] : [...document.querySelectorAll(".md-typeset__scrollwrap")])
        .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText.slice(0, 60)),
]"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
def test_everybody_can_read_it(site: Path, browser: Any, axe: str, scheme: str, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    for name in PAGES:
        page.goto((site / name).as_uri())
        page.evaluate(axe)
        found = page.evaluate("axe.run()")
        faults = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]
        assert (name, faults) == (name, [])
        assert len(found["passes"]) > 10
    context.close()
