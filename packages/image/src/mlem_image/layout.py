"""Where things are in an image, and how it serves; the same in every image of a model, whoever makes it."""

from __future__ import annotations

PORT = 8080
MODEL = "/opt/mlem/model"
"""The folder of the model."""
USER = 10001
VENV = "/venv"
PROBE = (
    "import http.client,os,sys;"
    f"c=http.client.HTTPConnection('127.0.0.1',int(os.environ.get('PORT','{PORT}')),timeout=4);"
    "c.request('GET','/readyz');sys.exit(c.getresponse().status!=200)"
)
"""The program of the health check."""
HEALTH_INTERVAL_S, HEALTH_TIMEOUT_S, HEALTH_START_S = 15, 5, 60
VARIABLES = {
    "PORT": str(PORT),
    "HOME": "/tmp",  # noqa: S108  # the only folder that a read-only root has room in
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MLEM_MODEL": f"{MODEL}/model.mlem",
}
"""The environment, beside ``PATH``, which has the commands of the packages first."""
ENTRY_POINT = (f"{VENV}/bin/mlem-server",)
