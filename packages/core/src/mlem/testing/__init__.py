"""The conformance kit: a provider's tests join a suite with a class, some fixtures and ``pass``.

Install it with ``pip install mlem-core[testing]``; `DeploymentFixtures` says what they are.
"""

from mlem.deployments.handle import DeploymentHandle
from mlem.testing.crash import CrashSafetySuite
from mlem.testing.data_types import DataTypeSuite
from mlem.testing.every_day import EveryDaySuite
from mlem.testing.history.suite import HistorySuite
from mlem.testing.life_cycle import DeploymentFixtures, LifeCycleSuite
from mlem.testing.model_types import ModelTypeSuite
from mlem.testing.operation import OperationSuite
from mlem.testing.projects import SAMPLE, Project
from mlem.testing.stores.fixtures import StateManagerFixtures
from mlem.testing.stores.manager_suite import StateManagerSuite
from mlem.testing.stores.suite import StoreSuite

__all__ = [
    "SAMPLE",
    "CrashSafetySuite",
    "DataTypeSuite",
    "DeploymentFixtures",
    "DeploymentHandle",
    "EveryDaySuite",
    "HistorySuite",
    "LifeCycleSuite",
    "ModelTypeSuite",
    "OperationSuite",
    "Project",
    "StateManagerFixtures",
    "StateManagerSuite",
    "StoreSuite",
]
