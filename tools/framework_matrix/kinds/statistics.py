"""Models of statistics: a regression of statsmodels, a forecast of Prophet."""

from __future__ import annotations

from pathlib import Path

from framework_matrix.kind import Kind, Trained


def regression(folder: Path) -> Trained:
    """The results of an ordinary least squares regression of a frame."""
    import statsmodels.api as sm
    from sklearn.datasets import load_diabetes

    rows, progress = load_diabetes(return_X_y=True, as_frame=True)
    results = sm.OLS(progress, rows).fit()
    return Trained(results, rows, results.predict(rows))


def forecast(folder: Path) -> Trained:
    """A forecast of a year of days with a trend and weeks."""
    import numpy as np
    import pandas as pd
    from prophet import Prophet

    days = pd.date_range("2026-01-01", periods=365)
    number = np.arange(len(days))
    known = pd.DataFrame({"ds": days, "y": number / 10 + np.sin(number * 2 * np.pi / 7)})
    made = Prophet(uncertainty_samples=0).fit(known)
    future = pd.DataFrame({"ds": pd.date_range("2027-01-01", periods=600)})
    return Trained(made, future, made.predict(future))


KINDS = (
    Kind("statsmodels", "statsmodels", ("statsmodels",), regression),
    Kind("Prophet", "prophet", ("prophet",), forecast),
)
