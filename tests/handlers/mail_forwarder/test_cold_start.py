"""What a cold start loads of the functions around received mail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LAMBDA = Path(__file__).parents[3] / "lambda"


@pytest.mark.parametrize("handler", ["inbound", "mail_forwarder", "reply_addresses"])
def test_a_function_needs_its_own_folder_what_all_share_and_botocore(handler: str, tmp_path: Path) -> None:
    """Its package holds no other handler, and boto3 takes longer to load."""
    for folder in (handler, "ses_common"):
        (tmp_path / folder).symlink_to(LAMBDA / folder)
    code = f"import {handler}.handler, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert not {"boto3", "s3transfer", "aws_cdk", "ses_constructs"} & set(result.stdout.split())
