"""Take the pictures of the documentation: the page of a served model, in Debian's chromium. Prints what it wrote.

python tools/screenshots.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from mlem import api
from mlem.clients.probe import ready

FOLDER = Path(__file__).parents[1] / "docs" / "images"
PORT = 18080
VIEWS = {
    "page-light": {"color_scheme": "light", "viewport": {"width": 900, "height": 700}},
    "page-dark": {"color_scheme": "dark", "viewport": {"width": 900, "height": 700}},
    "page-phone": {"color_scheme": "light", "viewport": {"width": 375, "height": 700}},
}


def save_model(folder: Path) -> None:
    """Save the model of the tutorial."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    X, y = load_iris(return_X_y=True, as_frame=True)
    api.save(LogisticRegression(max_iter=1000).fit(X, y), "iris", sample_data=X, project=str(folder))


def take(url: str) -> None:
    """Take every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, options in VIEWS.items():
            page = browser.new_page(**options)  # type: ignore[arg-type]  # what Playwright takes by these names
            page.goto(url)
            page.select_option("#method", "predict_proba")
            page.click("#send")
            page.wait_for_selector("#answer meter")
            page.screenshot(path=FOLDER / f"{name}.png")
            print(FOLDER / f"{name}.png")
        browser.close()


def main() -> None:
    """Serve a model, and take the pictures."""
    with tempfile.TemporaryDirectory() as name:
        save_model(Path(name))
        server = subprocess.Popen(
            [sys.executable, "-m", "mlem_server", f"{name}/iris", "--host", "127.0.0.1", "--port", str(PORT)]
        )
        try:
            url = f"http://127.0.0.1:{PORT}"
            deadline = time.monotonic() + 60
            while not ready(url, 2)[0]:
                if time.monotonic() > deadline:
                    sys.exit("the server does not get ready")
                time.sleep(0.1)
            take(url)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
