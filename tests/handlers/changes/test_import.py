"""What a cold start loads."""

import os
import subprocess
import sys

import pytest

from tests.handlers.test_import import LAMBDA


@pytest.mark.parametrize("handler", ["suppression_changes", "webhook", "ses_lists"])
def test_the_functions_need_nothing_but_botocore_and_the_standard_library(handler: str) -> None:
    code = f"import {handler}.handler, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    environment = {**os.environ, "PYTHONPATH": str(LAMBDA)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert not {"boto3", "s3transfer", "aws_cdk", "ses_constructs", "feedback"} & set(result.stdout.split())
