"""Results of statsmodels: fitted models, without the rows that they were fitted to.

statsmodels writes its results as pickles and has no other format; a model with a formula is Python in part, which is
evaluated when the pickle is read. So loading runs code of the file, and `core.trust.formats` decides about it.

Source: https://www.statsmodels.org/stable/generated/statsmodels.base.model.LikelihoodModelResults.save.html, and
``statsmodels/base/data.py``, ``ModelData.__setstate__``, of statsmodels 0.15 (read 2026-11).
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import MlemError, UserError
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType
from mlem_model.models.pickling import pickles

FORECAST = "forecast"
_log = logging.getLogger(__name__)


class StatsmodelsResults(ModelType):
    """What ``fit`` returns: it predicts for rows, or, of a series in time, forecasts some steps."""

    type: ClassVar[str] = "statsmodels"
    converts: ClassVar[bool] = True

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        named = {(base.__module__, base.__name__) for base in type(obj).__mro__}
        return bool(named & {("statsmodels.base.model", "Results"), ("statsmodels.base.wrapper", "ResultsWrapper")})

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {FORECAST: FORECAST} if isinstance(obj, ServedForecasts) else {PREDICT: PREDICT}

    @classmethod
    def served(cls, obj: Any) -> Any:
        """See `ModelType.served`."""
        return ServedForecasts(obj) if callable(getattr(obj, FORECAST, None)) else ServedResults(obj)

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """See `ModelType.rowwise`; a formula may have functions of all rows, such as ``scale``."""
        return False

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`; a copy without the rows that it was fitted to, where it can do without."""
        removing = callable(getattr(obj, "remove_data", None)) and not callable(getattr(obj, FORECAST, None))
        if sample_data is None or not removing:
            return obj
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                small = pickles.load(io.BytesIO(pickles.dumps(obj)))
                small.remove_data()
                again = pickles.load(io.BytesIO(pickles.dumps(small)))
                ServedResults(again).predict(sample_data)
        except Exception as error:  # of many kinds: it needs what it was fitted to
            _log.info("the rows that it was fitted to are kept: %s", " ".join(str(error).split())[:300])
            return obj
        return small

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`."""
        return pickles.dump(obj, file) | {"statsmodels", "pandas", "numpy"}

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`.

        Raises:
            UserError: Its formula names what only the program had that has fitted it.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                return pickles.load(file, requirements)
        except MlemError:
            raise
        except Exception as error:  # NameError, and what patsy and formulaic make of it
            reason = " ".join(str(error).split())[:300]
            raise UserError(
                f"the results of statsmodels can't be loaded: {reason}",
                code="not-loaded",
                hint="name functions of numpy alone in a formula: np.log(x); and compute other columns before",
            ) from error


class ServedResults:
    """Results that answer with arrays.

    Args:
        results: What ``fit`` returned.
    """

    def __init__(self, results: Any) -> None:
        self._results = results

    def predict(self, exog: Any) -> Any:
        """Return what is predicted for rows, an array of the shape (rows,) or (rows, kinds).

        Args:
            exog: The variables: an array as the model was fitted with, or a frame with the columns of its formula.
        """
        import numpy as np

        return np.asarray(self._results.predict(exog))


class ServedForecasts:
    """Results of a series in time, which is continued.

    Args:
        results: What ``fit`` returned.
    """

    def __init__(self, results: Any) -> None:
        self._results = results

    def forecast(self, steps: int) -> Any:
        """Return what is forecast after the end of the series, an array of the shape (steps,) or (steps, series).

        Args:
            steps: How many.
        """
        import numpy as np

        return np.asarray(self._results.forecast(steps))
