"""What is beside an image in ECR goes with it; requests and answers are checked by AWS's own description of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from mlem_provider_sagemaker.api.aws import Account, connect
from mlem_provider_sagemaker.api.ecr import delete_images

IMAGE, KEPT, DOCUMENT, OTHER = (f"sha256:{digit * 64}" for digit in "1234")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return connect(None, "eu-south-1")


@pytest.fixture
def answers(account: Account) -> Iterator[Any]:
    with Stubber(account.client("ecr")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_documents_and_signatures_go_with_their_image(account: Account, answers: Any) -> None:
    def signature(digest: str) -> str:
        return f"{digest.replace(':', '-')}.sig"

    found = [
        {"imageDigest": IMAGE, "imageTags": ["old"]},
        {"imageDigest": KEPT, "imageTags": ["old-too", "kept"]},
        {"imageDigest": DOCUMENT, "subjectManifestDigest": IMAGE},
        {"imageDigest": OTHER, "subjectManifestDigest": KEPT},
        *(
            {"imageDigest": f"sha256:{digit * 64}", "imageTags": [signature(digest)]}
            for digit, digest in zip("5678", (IMAGE, KEPT, DOCUMENT, OTHER), strict=True)
        ),
    ]
    gone = [
        {"imageDigest": DOCUMENT},
        {"imageTag": signature(IMAGE)},
        {"imageTag": signature(DOCUMENT)},
        {"imageTag": "old"},
        {"imageTag": "old-too"},
    ]
    answers.add_response("describe_images", {"imageDetails": found}, {"repositoryName": "iris"})
    answers.add_response("batch_delete_image", {}, {"repositoryName": "iris", "imageIds": gone})
    delete_images(account, "iris", ["old", "old-too"])


def test_images_go_where_a_policy_of_before_forbids_to_look_beside_them(account: Account, answers: Any) -> None:
    answers.add_client_error("describe_images", "AccessDeniedException", http_status_code=400)
    answers.add_response("batch_delete_image", {}, {"repositoryName": "iris", "imageIds": [{"imageTag": "old"}]})
    delete_images(account, "iris", ["old"])
