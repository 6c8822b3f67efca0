"""What the API answers, as JSON."""

from __future__ import annotations

import uuid
from typing import Any

from mlem_heroku_simulator.dynos.dyno import Dyno
from mlem_heroku_simulator.dynos.one_off import OneOff
from mlem_heroku_simulator.platform.app_state import AppState, Release, host_of, now
from mlem_heroku_simulator.platform.offers import EMAIL

_ACCOUNT = {"email": EMAIL, "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, EMAIL))}

_LONG_AGO = "2012-01-01T12:00:00Z"


def _id(word: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, word))


def app(state: AppState) -> dict[str, Any]:
    """Return an app."""
    return {
        "acm": False,
        "archived_at": None,
        "buildpack_provided_description": None,
        "build_stack": _stack(state.build_stack),
        "created_at": state.created,
        "generation": {"id": _id("generation-cedar"), "name": "cedar"},
        "git_url": f"https://git.heroku.com/{state.name}.git",
        "id": state.id,
        "internal_routing": None,
        "maintenance": state.maintenance,
        "name": state.name,
        "owner": _ACCOUNT,
        "team": {"id": _id(f"team-{state.team}"), "name": state.team} if state.team else None,
        "region": {"id": _id(f"region-{state.region}"), "name": state.region},
        "released_at": state.current.created,
        "repo_size": None,
        "slug_size": None,
        "space": None,
        "stack": _stack(state.stack),
        "updated_at": now(),
        "web_url": f"https://{host_of(state)}/",
    }


def _stack(name: str) -> dict[str, Any]:
    return {"id": _id(f"stack-{name}"), "name": name}


def team_app(state: AppState) -> dict[str, Any]:
    """Return an app as its team sees it."""
    found = {key: value for key, value in app(state).items() if key != "acm"}
    return {**found, "internal_routing": False, "joined": True, "locked": False}


def release(state: AppState, found: Release) -> dict[str, Any]:
    """Return a release.

    An image is not a slug.

    Source: https://github.com/heroku/heroku-releases-retry/issues/11 (read 2026-11).
    """
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


def dynos(state: AppState) -> list[dict[str, Any]]:
    """Return the dynos that there are."""
    size = state.formation.size if state.formation else "Basic"
    running = [each for each in state.one_offs if each.state != "complete"]
    return [_dyno(state, each, "web", size, "", None) for each in state.dynos] + [
        one_off(state, each) for each in running
    ]


def one_off(state: AppState, found: OneOff) -> dict[str, Any]:
    """Return a dyno that runs one command."""
    return _dyno(state, found, "run", found.size, found.command, found.attach_url)


def _dyno(
    state: AppState, found: Dyno | OneOff, kind: str, size: str, command: str, attach_url: str | None
) -> dict[str, Any]:
    release_ = next(each for each in state.releases if each.version == found.version)
    return {
        "app": {"id": state.id, "name": state.name},
        "attach_url": attach_url,
        "command": command,
        "created_at": now(),
        "id": found.id,
        "name": found.name,
        "release": {"id": release_.id, "version": release_.version},
        "size": size,
        "state": found.state,
        "type": kind,
        "updated_at": now(),
    }


def collaborator(state: AppState) -> dict[str, Any]:
    """Return the owner as the one who works on an app."""
    return {
        "app": {"id": state.id, "name": state.name},
        "created_at": state.created,
        "id": _id(f"collaborator-{state.id}"),
        "permissions": [],
        "role": "owner",
        "updated_at": state.created,
        "user": {"email": EMAIL, "federated": False, "id": _ACCOUNT["id"]},
    }


def domain(state: AppState) -> dict[str, Any]:
    """Return the domain that Heroku gives an app."""
    return {
        "acm_status": None,
        "acm_status_reason": None,
        "app": {"id": state.id, "name": state.name},
        "cname": None,
        "created_at": state.created,
        "hostname": host_of(state),
        "id": _id(f"domain-{state.id}"),
        "kind": "heroku",
        "sni_endpoint": None,
        "status": "succeeded",
        "updated_at": state.created,
    }


def region(name: str) -> dict[str, Any]:
    """Return a region."""
    country, locale, where = {
        "us": ("United States", "Virginia", "us-east-1"),
        "eu": ("Ireland", "Dublin", "eu-west-1"),
    }[name]
    return {
        "country": country,
        "created_at": _LONG_AGO,
        "description": "United States" if name == "us" else "Europe",
        "id": _id(f"region-{name}"),
        "locale": locale,
        "name": name,
        "private_capable": False,
        "provider": {"name": "amazon-web-services", "region": where},
        "updated_at": _LONG_AGO,
    }


def stack(name: str) -> dict[str, Any]:
    """Return a stack."""
    return {
        **_stack(name),
        "created_at": _LONG_AGO,
        "default": name == "heroku-24",
        "state": "public",
        "updated_at": _LONG_AGO,
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
