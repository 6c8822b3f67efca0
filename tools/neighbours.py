"""Install Debian's nginx and Prometheus for the tests of servers, skopeo and umoci for those of images. As root."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "engine"))

from machine import need, note

if __name__ == "__main__":
    note(need("nginx", "nginx-light"))
    note(need("prometheus", "prometheus"))
    note(need("skopeo", "skopeo"))
    note(need("umoci", "umoci"))
