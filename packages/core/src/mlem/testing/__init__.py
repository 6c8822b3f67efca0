"""The conformance kit: a provider's tests join a suite with a class, some fixtures and ``pass``.

Install it with ``pip install mlem-core[testing]``; `DeploymentSuite` shows how.
"""

from mlem.testing.crash import CrashSafetySuite
from mlem.testing.history_suite import HistorySuite
from mlem.testing.life_cycle import LifeCycleSuite
from mlem.testing.operation import OperationSuite
from mlem.testing.projects import Project
from mlem.testing.store_suite import StateManagerSuite, StoreSuite

__all__ = ["CrashSafetySuite", "HistorySuite", "LifeCycleSuite", "OperationSuite", "Project", "StateManagerSuite", "StoreSuite"]
