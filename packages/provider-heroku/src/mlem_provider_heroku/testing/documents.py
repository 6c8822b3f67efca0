"""What the API answers, as JSON."""

from __future__ import annotations

import uuid
from typing import Any

from mlem_provider_heroku.testing.dyno import Dyno
from mlem_provider_heroku.testing.platform import EMAIL, AppState, Release, host_of, now

_ACCOUNT = {"email": EMAIL, "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, EMAIL))}


def _id(word: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, word))


def app(state: AppState) -> dict[str, Any]:
    """Return an app."""
    stack = {"id": _id("stack-container"), "name": "container"}
    return {
        "acm": False,
        "archived_at": None,
        "buildpack_provided_description": None,
        "build_stack": stack,
        "created_at": state.created,
        "git_url": f"https://git.heroku.com/{state.name}.git",
        "id": state.id,
        "internal_routing": None,
        "maintenance": False,
        "name": state.name,
        "owner": _ACCOUNT,
        "team": {"id": _id(f"team-{state.team}"), "name": state.team} if state.team else None,
        "region": {"id": _id(f"region-{state.region}"), "name": state.region},
        "released_at": state.current.created,
        "repo_size": None,
        "slug_size": None,
        "space": None,
        "stack": stack,
        "updated_at": now(),
        "web_url": f"https://{host_of(state)}/",
    }


def team_app(state: AppState) -> dict[str, Any]:
    """Return an app as its team sees it."""
    found = {key: value for key, value in app(state).items() if key != "acm"}
    return {**found, "internal_routing": False, "joined": True, "locked": False}


def release(state: AppState, found: Release) -> dict[str, Any]:
    """Return a release; an image is no slug. Source: heroku/heroku-releases-retry#11 (read 2026-11)."""
    return {
        "addon_plan_names": [],
        "artifacts": [],
        "app": {"id": state.id, "name": state.name},
        "created_at": found.created,
        "current": found is state.current,
        "description": found.description,
        "eligible_for_rollback": found.image_id is not None,
        "id": found.id,
        "output_stream_url": None,
        "slug": None,
        "status": "succeeded",
        "updated_at": found.created,
        "user": _ACCOUNT,
        "version": found.version,
    }


def formation(state: AppState) -> list[dict[str, Any]]:
    """Return the formation: web alone."""
    found = state.formation
    if found is None:
        return []
    return [
        {
            "app": {"id": state.id, "name": state.name},
            "command": "",
            "created_at": found.created,
            "dyno_size": {"id": _id(f"size-{found.size}"), "name": found.size},
            "id": found.id,
            "quantity": found.quantity,
            "size": found.size,
            "type": "web",
            "updated_at": now(),
        }
    ]


def dyno(state: AppState, found: Dyno) -> dict[str, Any]:
    """Return a dyno."""
    release_ = next(each for each in state.releases if each.version == found.version)
    return {
        "app": {"id": state.id, "name": state.name},
        "attach_url": None,
        "command": "",
        "created_at": now(),
        "id": found.id,
        "name": found.name,
        "release": {"id": release_.id, "version": release_.version},
        "size": state.formation.size if state.formation else "Basic",
        "state": found.state,
        "type": "web",
        "updated_at": now(),
    }


def account() -> dict[str, Any]:
    """Return the account."""
    return {
        "allow_tracking": False,
        "beta": False,
        "country_of_residence": None,
        "created_at": now(),
        "default_organization": None,
        "default_team": None,
        "delinquent_at": None,
        "email": EMAIL,
        "federated": False,
        "id": _ACCOUNT["id"],
        "identity_provider": None,
        "last_login": now(),
        "name": None,
        "sms_number": None,
        "suspended_at": None,
        "two_factor_authentication": True,
        "updated_at": now(),
        "verified": True,
    }


def log_session(url: str) -> dict[str, Any]:
    """Return a log session."""
    return {"created_at": now(), "id": str(uuid.uuid4()), "logplex_url": url, "updated_at": now()}
