"""Heroku without an account: a simulator of the parts of its Platform API that a deployment uses (extra ``testing``).

``python -m mlem_provider_heroku.testing`` starts one.
"""

from mlem_provider_heroku.testing.simulator import HerokuSimulator

__all__ = ["HerokuSimulator"]
