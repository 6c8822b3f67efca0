"""Save estimators of scikit-learn, load them, and compare what they answer: `python estimators.py KMeans SVC`.

It works in the project of the current folder, whose settings say which formats are preferred, and prints a line for
each estimator that can be fitted on iris and has ``predict``: its name, its model type, and whether both answer the
same. Without arguments it tries them all.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Saved:
    """What became of some estimators.

    Attributes:
        names: Those that were saved.
        others: The model type, and whether the answers are the same, of those that have become another model than in
            the format of skops, or answer otherwise.
        told: What was logged.
    """

    names: frozenset[str]
    others: dict[str, tuple[str, str]]
    told: str


def save_estimators(folder: Path, *names: str) -> Saved:
    """Run this script in a process of its own, whose warnings are no errors.

    Args:
        folder: A project.
        names: The estimators; all when there are none.
    """
    done = subprocess.run([sys.executable, __file__, *names], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    others = {name: (type_, same) for name, type_, same in found if (type_, same) != ("sklearn_skops", "True")}
    return Saved(frozenset(name for name, _, _ in found), others, done.stderr)


def main(names: Collection[str]) -> None:
    """Save, load and compare estimators.

    Args:
        names: Their names; all when there are none.
    """
    import numpy as np
    from sklearn.datasets import load_iris
    from sklearn.utils import all_estimators
    from sklearn.utils._test_common.instance_generator import _construct_instances

    import mlem.api

    warnings.simplefilter("ignore")
    rows, labels = load_iris(return_X_y=True)
    for name, cls in all_estimators():
        if names and name not in names:
            continue
        try:
            estimator = next(iter(_construct_instances(cls)))
            if "random_state" in estimator.get_params():
                estimator.set_params(random_state=0)
            estimator.fit(rows, labels)
        except Exception:  # it takes other data
            continue
        if not hasattr(estimator, "predict"):
            continue
        model = mlem.api.save(estimator, "m", sample_data=rows)
        same = np.allclose(mlem.api.load("m").predict(rows), estimator.predict(rows), rtol=1e-9)
        print(name, model.model_type, same)


if __name__ == "__main__":
    main(sys.argv[1:])
