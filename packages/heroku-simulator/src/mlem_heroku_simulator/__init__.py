"""Heroku without an account: a simulator of the parts of its Platform API that a deployment uses.

``python -m mlem_heroku_simulator`` starts one.
"""

from mlem_heroku_simulator.simulator import HerokuSimulator

__all__ = ["HerokuSimulator"]
