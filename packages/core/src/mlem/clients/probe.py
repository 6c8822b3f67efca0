"""One look at a server's readiness, with the standard library only: ``mlem deployment status`` must be quick."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import urlsplit

MAX_BYTES = 65536


def ready(url: str, timeout_s: float) -> tuple[bool, str]:
    """Ask a server whether its model answers.

    Args:
        url: The server's address, ``http://host:8080``.
        timeout_s: Seconds for connecting, and again for the answer.

    Returns:
        Whether it is ready, and why not; the reason is empty when it is.
    """
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    connection_class = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connection_class(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/readyz")
        response = connection.getresponse()
        status, body = response.status, response.read(MAX_BYTES)
    except TimeoutError:
        return False, f"no answer from {place} within {timeout_s:g} s"
    except socket.gaierror as error:
        return False, f"{parts.hostname} is unknown: {error.strerror}"
    except http.client.HTTPException as error:
        return False, f"{place} does not speak HTTP: {type(error).__name__}"
    except OSError as error:
        return False, f"no connection to {place}: {error.strerror or error}"
    finally:
        connection.close()
    return _judge(status, body, place)


def _judge(status: int, body: bytes, place: str) -> tuple[bool, str]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "status" not in document:
        return False, f"{place} answers with status {status}, and is no mlem server"
    if status == 200 and document["status"] == "ready":
        return True, ""
    return False, str(document.get("reason") or document["status"])
