"""The conformance kit: a provider's tests join a suite with a class, some fixtures and ``pass``.

Install it with ``pip install mlem-core[testing]``; `DeploymentFixtures` says what they are.
"""

from mlem.deployments.handle import DeploymentHandle
from mlem.testing.crash import CrashSafetySuite
from mlem.testing.data_types import DataTypeSuite
from mlem.testing.every_day import EveryDaySuite
from mlem.testing.fixtures import BrokenKind, DeploymentFixtures
from mlem.testing.history.suite import HistorySuite
from mlem.testing.life_cycle import LifeCycleSuite
from mlem.testing.model_types import ModelTypeSuite
from mlem.testing.operation import OperationSuite
from mlem.testing.platforms.breaking import breaking
from mlem.testing.platforms.declaration import DeclarationSuite
from mlem.testing.platforms.failures import FailureSuite
from mlem.testing.platforms.logs import LogSuite
from mlem.testing.platforms.neighbours import NeighbourSuite
from mlem.testing.plugins.builders import BuilderSuite
from mlem.testing.plugins.clients import ClientSuite
from mlem.testing.plugins.packaging import PackagingSuite
from mlem.testing.projects import SAMPLE, Project
from mlem.testing.stores.fixtures import StateManagerFixtures
from mlem.testing.stores.manager_suite import StateManagerSuite
from mlem.testing.stores.suite import StoreSuite

__all__ = [
    "SAMPLE",
    "BrokenKind",
    "BuilderSuite",
    "ClientSuite",
    "CrashSafetySuite",
    "DataTypeSuite",
    "DeclarationSuite",
    "DeploymentFixtures",
    "DeploymentHandle",
    "EveryDaySuite",
    "FailureSuite",
    "HistorySuite",
    "LifeCycleSuite",
    "LogSuite",
    "ModelTypeSuite",
    "NeighbourSuite",
    "OperationSuite",
    "PackagingSuite",
    "Project",
    "StateManagerFixtures",
    "StateManagerSuite",
    "StoreSuite",
    "breaking",
]
