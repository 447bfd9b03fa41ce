import json
import os
import socket
import sys
from pathlib import Path

import pytest
from rich.console import Console

from ses_constructs.lab import Lab, LabError
from ses_constructs.lab.environment import refuse_real_credentials, scrubbed
from ses_constructs.lab.smtp_password import smtp_password
from ses_constructs.lab.steps import Steps
from ses_constructs.lab.toolchain import find_toolchain


@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"]
)
def test_the_lab_refuses_to_start_where_aws_is_set_up_and_says_how_to_go_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "something-real")
    with pytest.raises(LabError, match=f"{name} is set.*env -u {name} COMMAND") as refused:
        Lab().__enter__()
    assert "something-real" not in str(refused.value)


def test_a_region_and_the_emulators_own_keys_are_in_nobodys_way() -> None:
    refuse_real_credentials(
        {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_PROFILE": ""}
    )


def test_nothing_about_aws_reaches_a_child_of_the_lab(tmp_path: Path) -> None:
    environment = scrubbed({"AWS_CONTAINER_AUTHORIZATION_TOKEN": "t", "PATH": "/bin", "LANG": "C"}, tmp_path)
    assert not [name for name in environment if name.startswith("AWS_")]
    assert environment["LANG"] == "C"
    assert environment["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/bin"]
    assert Path(environment["TMPDIR"]).is_relative_to(tmp_path)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LabError, match=f"port {port} cannot be used"):
            Lab(port=port).__enter__()


def test_a_lab_that_does_not_start_leaves_no_work_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LabError, match="its server ended with status 1"):
        Lab().__enter__()
    assert list(tmp_path.iterdir()) == []


def test_the_projects_own_cdk_cli_is_found_from_a_folder_below(tmp_path: Path) -> None:
    package = install_cdk(tmp_path, "2.1148.1")
    app = tmp_path / "apps" / "mail"
    app.mkdir(parents=True)
    toolchain = find_toolchain(app)
    assert toolchain.cdk == package / "bin" / "cdk"
    assert toolchain.node.is_file()


@pytest.mark.parametrize("version", ["2.1148.0", "2.99.0", "3.0.0"])
def test_a_cdk_cli_that_cannot_read_the_assembly_is_refused(tmp_path: Path, version: str) -> None:
    install_cdk(tmp_path, version)
    with pytest.raises(LabError, match=rf"needs the CDK CLI 2\.1148\.1 or newer 2\.x, .* is {version}"):
        find_toolchain(tmp_path)


def test_without_a_cdk_cli_the_lab_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="npm install aws-cdk@2"):
        find_toolchain(tmp_path)


def install_cdk(place: Path, version: str) -> Path:
    package = place / "node_modules" / "aws-cdk"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": version}))
    return package


# Vectors that other projects publish with their own implementations of the algorithm.
@pytest.mark.parametrize(
    ("secret", "region", "password"),
    [
        ("some+secret+key", "eu-central-1", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
        ("another+secret+key", "eu-central-1", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
        ("some+secret+key", "us-west-1", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
    ],
)
def test_smtp_passwords_are_derived_as_ses_does(secret: str, region: str, password: str) -> None:
    assert smtp_password(secret, region) == password


def test_a_step_that_fails_is_named() -> None:
    steps = Steps(Console(quiet=True))
    with pytest.raises(LabError, match="send a message: the server said no"), steps("send a message"):
        raise ConnectionError("the server said no")
