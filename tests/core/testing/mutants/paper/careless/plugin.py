"""The hooks, and much else."""

from typing import ClassVar

import numpy as np

from mlem import Env, hookimpl


class CarelessEnv(Env):
    type: ClassVar[str] = "careless"

    where: str = str(np.__name__)


@hookimpl
def mlem_envs() -> list[type[Env]]:
    return [CarelessEnv]
