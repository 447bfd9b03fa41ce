"""What a cold start loads."""

import os
import subprocess
import sys
from pathlib import Path

LAMBDA = Path(__file__).parents[2] / "lambda"


def test_the_function_needs_nothing_but_botocore_and_the_standard_library() -> None:
    """boto3 takes longer to load, and the library itself is not in the function's package."""
    code = "import feedback.handler, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    environment = {**os.environ, "PYTHONPATH": str(LAMBDA)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert not {"boto3", "s3transfer", "aws_cdk", "ses_constructs"} & set(result.stdout.split())
