"""The Engine through the docker SDK, which no other module imports: plain data in and out, errors in our words."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, TYPE_CHECKING, Any, cast

from mlem import CredentialsError, MlemError, Place
from mlem_image import LINEAGE_LABEL
from mlem_provider_docker.api import configuration as docker_config
from mlem_provider_docker.api.errors import text_of, translate
from mlem_provider_docker.api.place import place_of
from mlem_provider_docker.names import split_name
from mlem_provider_docker.ownership import is_our_container

if TYPE_CHECKING:
    from docker import DockerClient

    from mlem_provider_docker.api.endpoint import EngineEndpoint

_TIMEOUT_S = 120
_built_on: ContextVar[tuple[str, ...]] = ContextVar("mlem_docker_built_on", default=())


@functools.cache
def connect(endpoint: EngineEndpoint) -> Engine:
    """Return the Engine at an address; one connection pool for each.

    Raises:
        PlatformError: Nothing answers there.
        CredentialsError: The user may not use it.
    """
    _import_docker(ssh=endpoint.host.startswith("ssh://"))
    from docker.tls import TLSConfig

    with translated(f"reach the Docker Engine at {endpoint.host}"):
        tls: Any = False
        folder = endpoint.certificates
        if folder is not None:
            missing = [name for name in ("cert.pem", "key.pem") if not (folder / name).is_file()]
            if missing:
                raise CredentialsError(
                    f"{folder} lacks {', '.join(missing)}", code="engine-tls", hint="name their folder: --env.cert_path"
                )
            ca = folder / "ca.pem"
            tls = TLSConfig(
                client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
                ca_cert=str(ca) if ca.is_file() else None,
                verify=endpoint.verify,
            )
        return Engine(_client(endpoint.host, tls), endpoint)


def _import_docker(*, ssh: bool) -> None:
    """Import the SDK without paramiko, which is only for ``ssh://`` and takes as long as all the rest of it."""
    if not ssh and "docker" not in sys.modules and "paramiko" not in sys.modules:
        sys.modules["paramiko"] = None  # type: ignore[assignment]  # import then says that it is not there
    try:
        import docker.api.client
    finally:
        if sys.modules.get("paramiko", ...) is None:
            del sys.modules["paramiko"]
    if ssh:
        import docker.transport.sshconn

        # the stubs leave it out
        docker.api.client.SSHHTTPAdapter = docker.transport.sshconn.SSHHTTPAdapter  # type: ignore[attr-defined]


def _client(host: str, tls: Any) -> DockerClient:
    import docker.auth
    import docker.utils.config

    class Client(docker.APIClient):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            try:
                with docker_config.readable_by_sdk(docker.utils.config):
                    super().__init__(*args, **kwargs)
            except BaseException:
                self.close()
                raise

        def _set_auth_headers(self, headers: dict[str, Any]) -> None:
            # The SDK's own asks every credential store, and sends all that it knows.
            found = docker_config.logins(docker, self._auth_configs, _built_on.get())  # type: ignore[attr-defined]  # the stubs leave it out
            if found:
                headers["X-Registry-Config"] = docker.auth.encode_header(found)

        def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
            # REQUESTS_CA_BUNDLE would win over the Engine's own CA. Source: https://github.com/psf/requests/issues/3829
            own = self.verify if verify is None else verify
            merged = super().merge_environment_settings(url, proxies, stream, own, cert)
            return {**merged, "proxies": {}}  # those of the environment are for what lies beyond the Engine

    client = docker.DockerClient.__new__(docker.DockerClient)
    # ssh:// through the ssh command: with the user's configuration, keys and agent, as the docker command does
    client.api = Client(
        base_url=host, tls=tls, version="auto", timeout=_TIMEOUT_S, use_ssh_client=host.startswith("ssh://")
    )
    return client


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Put what the SDK raises into our words.

    Args:
        what: What is being done: ``start the container app``.
    """
    from docker.errors import DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except MlemError:
        raise
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise translate(what, text_of(error)) from error
    except Exception as error:  # ssh:// raises what paramiko has; and the SDK what it stumbles over
        origin = "paramiko" if type(error).__module__.startswith("paramiko") else type(error).__name__
        raise translate(what, f"{origin}: {error}") from error


_REMOVING = "is already in progress"
"""In an error 409 of a container that is made to go when it stops."""
_REMOVAL_POLL_S = 0.05

_SANDBOX_GONE = "sandbox "
"""In an error 404 that does not mean that the container is gone."""


class Engine:
    """A Docker Engine.

    Args:
        client: The SDK's client; its ``api`` has the calls, one for each of the Engine's.
        endpoint: Its address.
    """

    def __init__(self, client: DockerClient, endpoint: EngineEndpoint) -> None:
        self._client = client
        self.api = client.api
        self.endpoint = endpoint

    def place(self) -> Place:
        """Return which Engine this is, whatever the way to it."""
        return place_of(self.info("who it is"), self.endpoint.host)

    def logging_driver(self) -> str:
        """Return what keeps the logs of containers that do not say: ``json-file``, ``local``, ``journald``..."""
        return str(self.info("how it keeps logs").get("LoggingDriver") or "")

    def info(self, what: str) -> dict[str, Any]:
        """Return what it says of itself; ``what`` is what is asked, for messages."""
        with translated(f"ask the Docker Engine at {self.endpoint.host} {what}"):
            return dict(self.api.info())

    # Containers

    def containers(self, value: str, label: str = LINEAGE_LABEL) -> list[dict[str, Any]]:
        """List the containers that were made for a deployment, running or not: by its lineage, or another label.

        ``Id``, ``Names``, ``State``, ``Labels``.
        """
        with translated("list containers"):
            found = self.api.containers(all=True, filters={"label": [f"{label}={value}"]})
        return [item for item in found if is_our_container(item.get("Labels"), str(item.get("ImageID")))]

    def publishers(self, port: int) -> list[dict[str, Any]]:
        """List the running containers, whoever made them, that publish a TCP port of the Engine's machine."""
        with translated("list containers"):
            found = self.api.containers()
        wanted = (port, "tcp")
        return [
            item for item in found if wanted in [(each.get("PublicPort"), each["Type"]) for each in item["Ports"] or ()]
        ]

    def container(self, id_or_name: str) -> dict[str, Any] | None:
        """Inspect a container; None when there is none."""
        with self.absent_is_none(f"inspect the container {id_or_name}") as found:
            found.append(self.api.inspect_container(id_or_name))
        return found[0] if found else None

    def create(self, image: str, name: str, settings: Mapping[str, Any]) -> str:
        """Create a container and return its id."""
        with translated(f"create the container {name}"):
            return str(self._client.containers.create(image, name=name, **settings).id)

    def start(self, id_: str, name: str) -> None:
        """Start a container."""
        with translated(f"start the container {name}"):
            self.api.start(id_)

    def stop(self, id_: str, timeout_s: float) -> None:
        """Stop a container, and kill it after a time; fine when it is gone."""
        with self.absent_is_none(f"stop the container {id_[:12]}"):
            self.api.stop(id_, timeout=max(1, round(timeout_s)))

    def rename(self, id_: str, name: str) -> bool:
        """Rename a container; fine when it is gone.

        One that crashed and waits for its restart can't be renamed: its network sandbox is gone, and the Engine answers
        404. It is stopped first. Source: moby, ``daemon/rename.go``, ContainerRename looks the sandbox of a container
             up that counts as running,
        as one does that is about to be restarted (read 2026-11; seen with Engine 20.10).

        Returns:
            Whether it was stopped.
        """
        what = f"rename the container {id_[:12]} to {name}"
        try:
            with self.absent_is_none(what):
                self.api.rename(id_, name)
        except MlemError as error:
            if _SANDBOX_GONE not in str(error.__cause__):
                raise
        else:
            return False
        self.stop(id_, 1)
        with self.absent_is_none(what):
            self.api.rename(id_, name)
        return True

    def has_network(self, name: str) -> bool:
        """Say whether there is a network of a name."""
        with self.absent_is_none(f"inspect the network {name}") as found:
            found.append(self.api.inspect_network(name))
        return bool(found)

    def leave_network(self, id_: str, network: str) -> None:
        """Take a container off a network, with the ports that it publishes there; fine when it is gone or not on it."""
        with self.absent_is_none(f"take the container {id_[:12]} off the network {network}"):
            self.api.disconnect_container_from_network(id_, network)

    def join_network(self, id_: str, network: str) -> None:
        """Put a container on a network; its ports are published again."""
        with translated(f"put the container {id_[:12]} on the network {network}"):
            self.api.connect_container_to_network(id_, network)

    def restart(self, id_: str, timeout_s: float) -> None:
        """Stop a container and start it again."""
        with translated(f"start the container {id_[:12]} again"):
            self.api.restart(id_, timeout=max(1, round(timeout_s)))

    def unpause(self, id_: str) -> None:
        """Let a paused container go on."""
        with translated(f"unpause the container {id_[:12]}"):
            self.api.unpause(id_)

    def remove_container(self, id_: str) -> None:
        """Remove a container with its anonymous volumes.

        Fine when it is gone, and waited for when the Engine does so by itself.
        """
        try:
            with self.absent_is_none(f"remove the container {id_[:12]}"):
                self.api.remove_container(id_, v=True, force=True)
        except MlemError as error:
            if _REMOVING not in error.message:
                raise
            until = time.monotonic() + _TIMEOUT_S
            while self.container(id_) is not None:
                if time.monotonic() > until:
                    raise
                time.sleep(_REMOVAL_POLL_S)

    def logs(
        self, id_: str, *, follow: bool = False, tail: int | None = None, until: float | None = None
    ) -> Iterator[str]:
        """Yield the lines that a container wrote, to stdout and stderr; until a time, in seconds since the epoch."""
        rest = b""
        with translated(f"read the logs of the container {id_[:12]}"):
            for chunk in self.api.logs(
                id_, stream=True, follow=follow, tail="all" if tail is None else tail, until=until
            ):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace").rstrip("\r")
        if rest:
            yield rest.decode(errors="replace")

    # Images

    def architecture(self) -> str:
        """Return what the Engine's images are for where nothing else is said: ``amd64``."""
        with translated("ask the Docker Engine for its architecture"):
            return str(self.api.version()["Arch"])

    def image(self, name: str) -> dict[str, Any] | None:
        """Inspect an image; None when there is none."""
        with self.absent_is_none(f"inspect the image {name}") as found:
            found.append(self.api.inspect_image(name))  # type: ignore[no-untyped-call]  # the stubs leave it out
        return found[0] if found else None

    def images(self, label: str, *, dangling: bool | None = None) -> list[dict[str, Any]]:
        """List images with a label: ``Id``, ``RepoTags``, ``Labels``."""
        with translated("list images"):
            filters: dict[str, Any] = {"label": [label], **({} if dangling is None else {"dangling": dangling})}
            return list(self.api.images(filters=filters))

    def tag(self, image: str, name: str) -> None:
        """Give an image one more name."""
        repository, tag = split_name(name)
        with translated(f"tag {image} as {name}"):
            self.api.tag(image, repository, tag, force=True)

    def remove_image(self, name: str) -> None:
        """Take a name off an image, and delete the image with its last one.

        Fine when it is gone or a container uses it.
        """
        try:
            with self.absent_is_none(f"remove the image {name}"):
                self.api.remove_image(name)
        except MlemError as error:
            # another name, or a container that is not ours, still needs it; or another command removes it at this very
            # moment
            if error.code not in ("conflict", "image-not-found"):
                raise

    def build(
        self, context: Iterator[bytes], name: str, images: Sequence[str], **options: Any
    ) -> Iterator[dict[str, Any]]:
        """Build an image and yield the Engine's messages; closing the iterator ends the build.

        Args:
            context: The tar stream of the files.
            name: The image's name with tag.
            images: The images that it is built on: their registries get credentials.
            **options: Further arguments of the SDK's ``build``.
        """
        with translated(f"build the image {name}"):
            token = _built_on.set(tuple(images))
            try:
                fixed: dict[str, Any] = {"custom_context": True, "rm": True, "forcerm": True, "decode": True}
                messages = self.api.build(fileobj=cast("IO[bytes]", context), tag=name, **fixed, **options)
            finally:
                _built_on.reset(token)
            yield from messages

    def push(self, name: str, credentials: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """Push an image and yield the messages.

        Args:
            name: The image, with registry and tag.
            credentials: ``username`` and ``password``; docker's own when None.
        """
        repository, tag = split_name(name)
        with translated(f"push {name}"):
            yield from self.api.push(
                repository, tag, stream=True, decode=True, auth_config=dict(credentials) if credentials else None
            )

    def pull(self, name: str) -> Iterator[dict[str, Any]]:
        """Pull an image and yield the messages; the tag may be a digest."""
        repository, tag = split_name(name)
        with translated(f"pull {name}"):
            yield from self.api.pull(repository, tag, stream=True, decode=True)

    def load(self, archive: Iterator[bytes], name: str) -> Iterator[dict[str, Any]]:
        """Load an image from an archive, and yield the messages.

        Args:
            archive: The archive.
            name: The image, for messages.
        """
        with translated(f"load the image {name}"):
            yield from self.api.load_image(archive, quiet=False)  # type: ignore[no-untyped-call]  # the stubs leave it out

    def save(self, name: str) -> Iterator[bytes]:
        """Yield an image as an archive."""
        with translated(f"read the image {name}"):
            yield from self.api.get_image(name)

    def is_in_registry(self, name: str) -> bool:
        """Ask the registry of an image whether it has it."""
        with self.absent_is_none(f"look for the image {name} in its registry") as found:
            found.append(self.api.inspect_distribution(name))  # type: ignore[no-untyped-call]  # no stubs
        return bool(found)

    @contextmanager
    def absent_is_none(self, what: str) -> Iterator[list[dict[str, Any]]]:
        """The same; fine where what is asked for is not there: then nothing is put into the list."""
        from docker.errors import NotFound

        found: list[dict[str, Any]] = []
        try:
            with translated(what):
                yield found
        except MlemError as error:
            if not isinstance(error.__cause__, NotFound) or _SANDBOX_GONE in str(error.__cause__):
                raise
