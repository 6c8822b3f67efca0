"""What an Engine or a registry says, in our words: one table, first match wins.

Messages are those of Docker Engine 20.10 to 28 and of the CNCF registry 2.8, as met in tests/provider_docker or read in
moby's source (``daemon/``, ``distribution/``, ``builder/``), since the API gives most failures the status 500 and a
text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError, UserError, WaitTimeoutError


@dataclass(frozen=True)
class Rule:
    """One row.

    Attributes:
        pattern: What the text has.
        error: Ours.
        code: Its code.
        hint: The next step.
    """

    pattern: str
    error: type[MlemError]
    code: str
    hint: str


_START = "start Docker (sudo systemctl start docker), or name another Engine: --env.host, DOCKER_HOST"
_SPACE = "see what takes it: docker system df; free it: docker image prune, docker builder prune"

TABLE = (
    Rule(  # Python's words: the Engine's own about a registry are Go's
        r"SSLError|SSLCertVerificationError|CERTIFICATE_VERIFY_FAILED|TLS configuration|sslv3 alert|tlsv1\d? alert",
        CredentialsError,
        "engine-tls",
        "check ca.pem, cert.pem and key.pem: --env.cert_path",
    ),
    Rule(
        r"permission denied|PermissionError|Errno 13",
        CredentialsError,
        "engine-permission",
        "let your user in: sudo usermod -aG docker $USER, then log in again",
    ),
    Rule(r"no space left on device|disk quota exceeded", PlatformError, "disk-full", _SPACE),
    Rule(
        r"port is already allocated|address already in use|bind for .* failed|ports are not available",
        PlatformError,
        "port-in-use",
        "choose another port: --port N, or leave it out for any free one",
    ),
    Rule(
        r"could not select device driver",
        PlatformError,
        "no-gpu",
        "the Engine's machine needs a GPU and NVIDIA's container toolkit; without one leave --gpus out",
    ),
    Rule(
        r"cannot assign requested address",
        UserError,
        "bad-address",
        "bind_address is an address of the Engine's machine: 127.0.0.1, or 0.0.0.0 for all",
    ),
    Rule(
        r"server gave HTTP response to HTTPS client|http: server gave",
        PlatformError,
        "registry-insecure",
        "the registry has no TLS: put it into insecure-registries of the Engine's daemon.json",
    ),
    Rule(
        r"unauthorized|authentication required|no basic auth credentials|incorrect username or password"
        r"|requested access .* is denied",
        CredentialsError,
        "registry-refused",
        "log in to the registry: docker login HOST; mlem takes what docker has",
    ),
    Rule(
        r"error getting credentials|credentials helper|docker-credential-",
        CredentialsError,
        "credential-helper",
        "try the helper: docker login HOST; it is named in ~/.docker/config.json",
    ),
    Rule(
        r"pull access denied|manifest unknown|manifest for .* not found|repository .* not found|no such image"
        r"|unrecognized image id"
        r"|name unknown",
        NotFoundError,
        "image-not-found",
        "check the name of the image (docker pull NAME); another base: --base_image",
    ),
    Rule(
        r"lookup .*: (no such host|server misbehaving|Temporary failure)|x509: |tls: |dial tcp|i/o timeout|proxyconnect|EOF\b.*https?://",
        PlatformError,
        "registry-unreachable",
        "look whether the Engine's machine reaches the registry: docker pull NAME",
    ),
    Rule(
        r"invalid reference format|invalid repository name|repository name must be lowercase",
        UserError,
        "bad-image-name",
        "lower case: --image_name team/iris",
    ),
    Rule(r"network .* not found", NotFoundError, "network-not-found", "make it: docker network create NAME"),
    Rule(r"no such container", NotFoundError, "container-not-found", "put it right: mlem deployment run --load NAME"),
    Rule(
        r"does not match the specified platform|no matching manifest|exec format error"
        r"|unknown operating system or architecture",
        UserError,
        "other-platform",
        "name a platform that the Engine runs: --platform linux/amd64",
    ),
    Rule(r"already in use by container|conflict: ", ConflictError, "conflict", "docker ps --all shows who has it"),
    Rule(
        r"read timed out|timed out|deadline exceeded",
        WaitTimeoutError,
        "engine-timeout",
        "look what the Engine does: docker info",
    ),
    Rule(
        r"FileNotFoundError|connection refused|connection aborted|connection reset|remote end closed|broken pipe"
        r"|max retries"
        r"|no such file or directory.*sock|could not resolve|name or service not known|nodename nor servname"
        r"|failed to establish",
        PlatformError,
        "engine-unreachable",
        _START,
    ),
    Rule(
        r"paramiko|\bssh\b|dial-stdio",
        PlatformError,
        "engine-unreachable",
        "look whether this works: ssh USER@HOST docker version",
    ),
    Rule(
        r"minimum memory limit|range of cpus|invalid|bad parameter|must be|unknown",
        UserError,
        "refused",
        "correct the option that it names",
    ),
)

_HTTP_PREFIX = re.compile(r"^\d{3} \w+ Error for [^:]+://[^ ]+ ?[^:]*: ")


def text_of(error: BaseException) -> str:
    """Return what the Engine said, without the address of the request."""
    explanation = getattr(error, "explanation", None)
    if isinstance(explanation, bytes):
        explanation = explanation.decode(errors="replace")
    return str(explanation or error).strip() or type(error).__name__


def translate(what: str, text: str, *, always: type[MlemError] = PlatformError) -> MlemError:
    """Return our error for a text of the Engine.

    Args:
        what: What was being done: ``start the container iris-app``.
        text: What the Engine said.
        always: The error where no row matches.
    """
    for rule in TABLE:
        if re.search(rule.pattern, text, re.IGNORECASE | re.DOTALL):
            return rule.error(f"can't {what}: {text}", code=rule.code, hint=rule.hint)
    return always(f"can't {what}: {text}")
