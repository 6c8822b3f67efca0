"""Models and data that are saved to a bucket, and used from there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mlem.testing import Project

SAVE = """
import sys
import mlem.api
import pandas as pd
from mlem_model.errors import MlemError

url = sys.argv[1]
add = lambda x, y=1.0: x + y
for number in range(2):
    mlem.api.save(add, f"{url}/add", sample_data=2.0, params={"number": number})
mlem.api.save(pd.DataFrame({"a": [1, 2]}), f"{url}/rows")
rows = mlem.api.load(f"{url}/rows")["a"].tolist()
print(mlem.api.load(f"{url}/add")(3), mlem.api.load_meta(f"{url}/add").params, rows)
try:
    mlem.api.save(add, f"{url}/rows", sample_data=2.0)
except MlemError as error:
    print(error.code)

import fsspec
fs, path = fsspec.core.url_to_fs(url)
names = sorted(name.rpartition("/")[2] for name in fs.find(path))
print(len(names), "add.mlem" in names, "rows.mlem" in names)
"""


def test_a_bucket_has_what_is_saved_to_it_and_the_folder_has_nothing(tmp_path: Path, seaweedfs: Any) -> None:
    project = Project.make(tmp_path / "project", {**seaweedfs.environment, "AWS_ENDPOINT_URL": seaweedfs.url})
    done = project.python("-c", SAVE, f"s3://states/{os.urandom(4).hex()}")
    assert done.stdout == "4.0 {'number': 1} [1, 2]\nexists\n4 True True\n", done.stderr
    assert {path.name for path in project.folder.iterdir()} == {".mlem.yaml", ".gitignore"}
