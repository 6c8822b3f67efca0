"""What may be made of a file that names classes: what estimators are made of, and nothing that only seems to be."""

from __future__ import annotations

import pytest

from mlem_model.frameworks.harmless import is_harmless

pytest.importorskip("sklearn")
pytest.importorskip("pandas")


@pytest.mark.parametrize(
    "name",
    [
        "sklearn.tree._tree.Tree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "scipy.sparse._csr.csr_matrix",
        "pandas.core.frame.DataFrame",
        "pandas.DataFrame",
        "numpy.dtype",
    ],
)
def test_what_estimators_are_made_of_is(name: str) -> None:
    assert is_harmless(name)


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "posix.system",
        "sklearn.utils.os",
        "sklearn.utils.os.system",
        "sklearn.utils._joblib.joblib",
        "sklearn.utils._joblib.Parallel",
        "sklearn.datasets._base.load_files",
        "sklearn.datasets._openml.fetch_openml",
        "scipy.sparse._matrix_io.load_npz",
        "pandas.core.frame.DataFrame.eval",
        "pandas.core.computation.eval.eval",
        "pandas.read_pickle",
        "pandas.HDFStore",
        "pandas.ExcelFile",
        "numpy.load",
        "numpy.save",
        "sklearn.nothing.Here",
        "sklearn",
        "",
    ],
)
def test_what_only_seems_to_be_is_not(name: str) -> None:
    assert not is_harmless(name)
