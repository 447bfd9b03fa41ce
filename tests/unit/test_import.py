import subprocess
import sys

import pytest

import ses_constructs


def loaded_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )


def test_importing_the_library_loads_no_part_of_the_cdk() -> None:
    assert not {name for name in loaded_after("import ses_constructs") if name.startswith("aws_cdk")}


def test_identities_load_nothing_of_lambda_ec2_and_cloudfront() -> None:
    loaded = loaded_after("from ses_constructs import DomainIdentity, Dns, Dkim, Dmarc")
    assert not loaded & {"aws_cdk.aws_lambda", "aws_cdk.aws_ec2", "aws_cdk.aws_dynamodb", "aws_cdk.aws_cloudfront"}


@pytest.mark.parametrize("name", ses_constructs.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(ses_constructs, name).__doc__
    assert name in dir(ses_constructs)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        ses_constructs.Nothing  # noqa: B018 - the access is the test
