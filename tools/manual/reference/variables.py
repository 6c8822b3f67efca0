"""What each environment variable means that the code reads; `manual.reference.settings` compares them with the code."""

from __future__ import annotations

_PROXY = "the proxy for calls, as every program reads it; not used for this machine's own addresses"
_JOB = "who runs a job of CI, and its address: kept with releases and locks"
_THREADS = "threads of a library of numbers; a server sets it where it is not set"
MEANINGS = {
    "ALL_PROXY": _PROXY,
    "BLIS_NUM_THREADS": _THREADS,
    "COSIGN_PASSWORD": "the password of the key that `mlem build image --sign` signs with",
    "DOCKER_CERT_PATH": "the folder with the TLS files of the Engine, as the `docker` command reads it",
    "DOCKER_CONFIG": "the folder of docker's settings and credentials",
    "DOCKER_CONTEXT": "the context of the `docker` command",
    "DOCKER_HOST": "the address of the Engine",
    "DOCKER_TLS": "whether the Engine is asked through TLS",
    "DOCKER_TLS_VERIFY": "the same, and its certificate is checked",
    "GITHUB_STEP_SUMMARY": "the file of a job's summary: runs and plans write a table into it",
    "HEROKU_API_KEY": "the key for Heroku; without it that of `heroku login`",
    "HTTPS_PROXY": _PROXY,
    "HTTP_PROXY": _PROXY,
    "MALLOC_ARENA_MAX": "heaps of the C library; a server's threads share one where it is not set",
    "MKL_NUM_THREADS": _THREADS,
    "MLEM_DISABLE_PLUGINS": "plugins that are [switched off](../how-to/plugins.md#switch-a-plugin-off)",
    "MLEM_IMAGE_BUILD_SOURCES": "`true` lets packages of repositories and folders be built here, which runs their code",
    "MLEM_IMAGE_CACHE": "the folder of layers and wheels that images are made from",
    "MLEM_IMAGE_MIRROR": "a registry that base images are taken from in the place of Docker Hub",
    "MLEM_OVERLAY": "the overlay of deployments that are named without one",
    "MLEM_MODEL": "the model of `mlem-server`; of a hook, the model that is deployed",
    "MLEM_CORE__TRUST__FORMATS": "the formats that a server loads: `core.trust.formats`",
    "MLEM_CORE__TRUST__TYPES": "the classes that a skops file may have: `core.trust.types`",
    "MLEM_CORE__TRUST__UNVERIFIED": "`true` accepts artifacts without a digest: `core.trust.unverified`",
    "MLEM_ERROR": "told to a [hook](../how-to/operate.md#hooks) of a run that failed, beside others",
    "MLEM_EXEC": "a mark of commands that `mlem deployment exec` starts in a container",
    "MLEM_LINEAGE": "the config var of an app of Heroku that says whose it is: do not remove it",
    "MLEM_SCORECARD": "the file that `mlem plugin check` has the outcome of each standard test written to",
    "MLEM_SERVER_LOG_FORMAT": "`json` for a log of one object a line, also of the process that watches a local server",
    "MLEM_SERVER_TLS_CERT": "the certificate of a server that serves HTTPS",
    "MLEM_SERVER_TLS_KEY": "its key",
    "MLEM_SERVER_TOKENS": "the [tokens](../how-to/serve.md#tokens) that a server accepts; never declared",
    "MLEM_SERVER_TOKEN_FILE": "the file of tokens of a server",
    "MLEM_TOKEN": "the token that mlem's client sends, the gate too",
    "MLEM_TRACEBACK": "prints the traceback of an error",
    "NO_COLOR": "no colours",
    "NO_PROXY": "addresses that need no proxy",
    "NUMEXPR_NUM_THREADS": _THREADS,
    "OMP_NUM_THREADS": _THREADS,
    "OPENBLAS_NUM_THREADS": _THREADS,
    "POLARS_MAX_THREADS": _THREADS,
    "PORT": "the port of a server that no option gives one",
    "PROMETHEUS_MULTIPROC_DIR": "set by a server with workers for itself, where their numbers are kept",
    "RAYON_NUM_THREADS": _THREADS,
    "REQUEST_METHOD": "in a CGI program, where `HTTP_PROXY` would be a caller's header: it is ignored then",
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": "where the organisation's `config.yaml` of SageMaker's SDK is",
    "SAGEMAKER_USER_CONFIG_OVERRIDE": "where your own one is",
    "SSL_CERT_FILE": "certificates that are trusted",
    "TERM": "`dumb` for a terminal that can't overwrite a line",
    "TF_NUM_INTRAOP_THREADS": _THREADS,
    "VECLIB_MAXIMUM_THREADS": _THREADS,
    "_MLEM_COMPLETE": "set by a shell that completes a word",
    **dict.fromkeys(
        (
            "BUILD_BUILDID", "BUILD_BUILDNUMBER", "BUILD_NUMBER", "BUILD_REQUESTEDFOR", "BUILD_URL", "BUILD_USER_ID",
            "CI", "CIRCLECI", "CIRCLE_BUILD_NUM", "CIRCLE_BUILD_URL", "CIRCLE_JOB", "CIRCLE_USERNAME", "CI_JOB_ID",
            "CI_JOB_NAME", "CI_JOB_URL", "GITHUB_ACTIONS", "GITHUB_ACTOR", "GITHUB_REPOSITORY", "GITHUB_RUN_ID",
            "GITHUB_RUN_NUMBER", "GITHUB_SERVER_URL", "GITHUB_WORKFLOW", "GITLAB_CI", "GITLAB_USER_LOGIN",
            "JENKINS_URL", "JOB_NAME", "SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "TF_BUILD",
        ),
        _JOB,
    ),
}  # fmt: skip
"""What each variable is for."""
OF_OTHERS = {
    "HOME": "the home of an image's user; where pip's files are",
    **dict.fromkeys(
        ("APPDATA", "PIP_CONFIG_FILE", "PROGRAMDATA", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME"), "where pip's files are"
    ),
    "PATH": "of an image, of a process",
    "PYTHON_VERSION": "says what a base image has",
    **dict.fromkeys(("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"), "set in images"),
    **dict.fromkeys(
        (
            "DEFAULT_TIMEOUT", "EXTRA_INDEX_URL", "FIND_LINKS", "INDEX_URL", "NO_BINARY", "NO_INDEX",
            "ONLY_BINARY", "PRE", "PREFER_BINARY", "PROXY", "RETRIES", "TIMEOUT", "TRUSTED_HOST", "USE_DEPRECATED",
        ),
        "pip's settings, after PIP_",
    ),
}  # fmt: skip
"""Names that are met where variables are, and are not read by us."""
