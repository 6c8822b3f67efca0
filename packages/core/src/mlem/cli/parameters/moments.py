"""Moments on the command line: how long ago, or when."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from mlem.project.duration import seconds


class Moment(click.ParamType[datetime | timedelta]):
    """A duration (``2h``: that long ago), or a time in ISO 8601, of this computer's time zone where it names none."""

    name = "when"

    def convert(
        self, value: str | datetime | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | timedelta:
        """Return what is meant."""
        if not isinstance(value, str):
            return value
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            pass
        try:
            return timedelta(seconds=seconds(value))
        except ValueError:
            self.fail(f'expected a duration (90min, 2h) or a time (2026-11-27T10:00), got "{value}"', param, ctx)
