"""Forecasts of Prophet in its own JSON: loading runs no code of the file.

The file has the history that a model was fitted to, as Prophet writes it.

Source: https://facebook.github.io/prophet/docs/additional_topics.html, "Saving models", and ``prophet/serialize.py``,
``make_holidays.py`` of prophet 1.5 (read 2026-11).
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.models.errors import UnfitError
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType

_MOST_BYTES = 256 * 2**20
_MARK = b'"growth"'
_VERSION = b'"__prophet_version"'
_COUNTRY = re.compile(r"[A-Z][A-Za-z]{1,40}")
_MOST = {"uncertainty_samples": 100_000, "n_changepoints": 100_000, "mcmc_samples": 100_000}
_MOST_TERMS = 1000
"""Terms of a Fourier series: a year has 10 by default."""
_SEED = 0


class ProphetModel(ModelType):
    """A fitted ``Prophet``; ``predict`` takes a frame with the dates in the column ``ds``."""

    type: ClassVar[str] = "prophet"
    format: ClassVar[str] = "prophet"
    converts: ClassVar[bool] = True
    imports: ClassVar[bool] = True

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`; a subclass of the user's is code, and stays a pickle."""
        return (type(obj).__module__, type(obj).__name__) == ("prophet.forecaster", "Prophet")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `ModelType.recognises`; a file in JSON is known by its start and its end."""
        if not path.is_file() or path.suffix != ".json":
            return False
        with path.open("rb") as file:
            head = file.read(200)
            file.seek(max(0, path.stat().st_size - 200))
            return _MARK in head and _VERSION in file.read()

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: PREDICT}

    @classmethod
    def served(cls, obj: Any) -> Any:
        """See `ModelType.served`."""
        return ServedProphet(obj)

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """See `ModelType.rowwise`; intervals are drawn for all dates together."""
        return not obj.draws

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`.

        Raises:
            UserError: It has not been fitted.
            UnfitError: It has a part that Prophet can't write.
        """
        from prophet.serialize import model_to_json

        if obj.history is None:
            raise UserError("the Prophet has not been fitted", code="not-saved", hint="fit it: model.fit(frame)")
        try:
            return model_to_json(obj).encode()
        except (TypeError, ValueError, AttributeError) as error:
            raise UnfitError(f"Prophet can't write it: {str(error)[:300]}", code="not-saved") from error

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`."""
        file.write(obj)
        return frozenset({"prophet", "pandas", "numpy"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`.

        Raises:
            UserError: It is not such a model, or asks for more than any has.
        """
        try:
            from prophet.serialize import model_from_dict
        except ImportError as error:
            hint = "pip install 'mlem-core[prophet]'"
            raise PluginError("models of Prophet need the package prophet", hint=hint) from error
        content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UserError(f"this file has more than {_MOST_BYTES // 2**20} MiB", code="too-large")
        try:
            found = json.loads(content)
            _expect_plain(found)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                return model_from_dict(found)
        except UserError:
            raise
        except Exception as error:  # of many kinds
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"this is not a model of Prophet: {reason}", code="no-prophet") from error


class ServedProphet:
    """A forecast that is asked for dates, and answers in their order, the same each time.

    Args:
        model: A fitted ``Prophet``.

    Attributes:
        draws: Whether it draws intervals at random.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.draws = bool(model.uncertainty_samples)

    def predict(self, future: Any) -> Any:
        """Return the forecast, a frame with ``ds``, ``yhat`` and what Prophet has beside it, one row for each date.

        Args:
            future: A frame with the dates in ``ds``, and a column for each regressor, ``cap`` or ``floor``.
        """
        import numpy as np
        import pandas as pd

        order = np.argsort(pd.to_datetime(future["ds"]).to_numpy(), kind="stable")
        back = np.argsort(order, kind="stable")
        with _drawing(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the framework about its own
            answer = self._model.predict(future.iloc[order].reset_index(drop=True))
        return answer.iloc[back].reset_index(drop=True)


@contextmanager
def _drawing() -> Iterator[None]:
    """Let the intervals, which are drawn with numpy's own generator, be the same each time."""
    import numpy as np

    before = np.random.get_state()
    np.random.seed(_SEED)
    try:
        yield
    finally:
        np.random.set_state(before)


def _expect_plain(model: Any) -> None:
    """Refuse what would take more memory than a forecast does, or names another thing than a country."""
    if not isinstance(model, dict) or "growth" not in model or "params" not in model:
        raise UserError("this is not a model of Prophet: it has no growth", code="no-prophet")
    for name, most in _MOST.items():
        if not isinstance(model.get(name, 0), bool | int | None) or (model.get(name) or 0) > most:
            raise UserError(f"this model of Prophet has an odd {name}: {str(model[name])[:80]}", code="no-prophet")
    country = model.get("country_holidays")
    if country is not None and not (isinstance(country, str) and _COUNTRY.fullmatch(country)):
        raise UserError(f"this model of Prophet has holidays of {str(country)[:80]!r}", code="no-prophet")
    _, seasonalities = model.get("seasonalities") or ((), {})
    for name, one in seasonalities.items():
        if not 0 < one["fourier_order"] <= _MOST_TERMS:
            raise UserError(f"this model of Prophet has an odd seasonality {name[:80]!r}", code="no-prophet")
