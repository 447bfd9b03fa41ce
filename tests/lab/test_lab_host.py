"""The lab as a user of it sees it, apart from its SES: what starts, what is deployed, what is left behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ses_constructs.lab import Lab, LabError
from ses_constructs.lab.environment import aws_environment, refuse_real_credentials, server_environment
from ses_constructs.lab.process import run_logged

APPS = Path(__file__).parent / "apps"
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 1}}
GOOD = {"Resources": {"Queue": QUEUE}, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}
BAD = {
    "Resources": {
        "Queue": QUEUE,
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Fn::GetAtt": ["Queue", "NoSuchThing"]}}},
    }
}


def test_importing_the_lab_and_its_pytest_plugin_loads_nothing_heavy() -> None:
    program = "import sys, ses_constructs.lab, ses_constructs.lab.pytest_plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert not {"boto3", "botocore", "ministack", "rich", "aws_cdk", "cryptography"} & set(loaded)


def test_a_lab_says_that_it_has_to_be_started_first() -> None:
    with pytest.raises(LabError, match="inside its `with` block"):
        Lab().events()


def test_what_keeps_the_server_from_starting_is_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "server"
    server.write_text('#!/bin/sh\necho \'{"error": "MiniStack 9.9.9 has moved a hook"}\'\nexit 1\n')
    server.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(server))
    with pytest.raises(LabError, match=r"did not start: MiniStack 9\.9\.9 has moved a hook"):
        Lab().__enter__()


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
        {"AWS_ENDPOINT_URL": "http://localhost:4566"},
        {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_SESSION_TOKEN": "testing"},
    ],
)
def test_another_local_emulator_and_the_dummy_keys_of_a_test_suite_are_in_nobodys_way(
    environment: Mapping[str, str],
) -> None:
    refuse_real_credentials(environment)


def test_an_endpoint_elsewhere_is_refused() -> None:
    with pytest.raises(LabError, match="env -u AWS_ENDPOINT_URL"):
        refuse_real_credentials({"AWS_ENDPOINT_URL": "https://localhost.example.com"})


def test_no_secret_and_no_home_folder_reach_the_emulator(tmp_path: Path) -> None:
    user = {"HOME": "jo", "GITHUB_TOKEN": "t", "AWS_PROFILE": "p", "LANG": "C", "PATH": "/bin"}
    environment = server_environment(user, tmp_path)
    assert environment["LANG"] == "C"
    assert not {"GITHUB_TOKEN", "AWS_PROFILE"} & environment.keys()
    for name in ("HOME", "TMPDIR", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        assert Path(environment[name]).is_relative_to(tmp_path)


def test_the_way_to_the_lab_goes_through_no_proxy_and_other_exceptions_stay(tmp_path: Path) -> None:
    environment = aws_environment("http://127.0.0.1:1", "us-east-1", tmp_path, {"NO_PROXY": "intranet.example"})
    assert environment["NO_PROXY"].split(",") == ["intranet.example", "127.0.0.1", "localhost"]


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    grandchild = tmp_path / "grandchild"
    program = f"sleep 600 & echo $! > {grandchild}; wait"
    with pytest.raises(subprocess.TimeoutExpired):
        run_logged(["/bin/sh", "-c", program], cwd=tmp_path, environment=os.environ, log=tmp_path / "log", timeout=1)
    wait_until_gone(int(grandchild.read_text()))


@pytest.mark.lab
def test_the_cdk_cli_deploys_an_app_again_and_again_and_destroys_it(ses_lab: Lab) -> None:
    outputs = ses_lab.deploy(APPS / "tiny")["Tiny"]
    sqs = ses_lab.session().client("sqs")
    sqs.send_message(QueueUrl=outputs["QueueUrl"], MessageBody="hello")

    assert ses_lab.deploy(APPS / "tiny", context={"delay": "7"})["Tiny"] == outputs
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["All"])["Attributes"]
    assert attributes["DelaySeconds"] == "7"
    assert sqs.receive_message(QueueUrl=outputs["QueueUrl"])["Messages"][0]["Body"] == "hello"

    ses_lab.destroy(APPS / "tiny")
    assert outputs["QueueUrl"] not in sqs.list_queues().get("QueueUrls", [])
    assert not (APPS / "tiny" / "cdk.out").exists()


@pytest.mark.lab
def test_what_the_cdk_cli_said_is_in_the_error(ses_lab: Lab) -> None:
    with pytest.raises(LabError, match=r"(?s)cdk deploy failed.*this app is broken on purpose"):
        ses_lab.deploy(APPS / "broken")


@pytest.mark.lab
def test_a_folder_without_an_app_is_refused(ses_lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no CDK app in .*: it has no cdk\.json"):
        ses_lab.deploy(tmp_path)
    with pytest.raises(LabError, match=r"no cloud assembly in .*: it has no manifest\.json"):
        ses_lab.deploy_assembly(tmp_path)


@pytest.mark.lab
def test_a_failed_creation_names_resource_and_reason_and_is_no_obstacle_to_the_next(
    ses_lab: Lab, tmp_path: Path
) -> None:
    with pytest.raises(LabError, match=r"Created ended as ROLLBACK_COMPLETE: Topic: .*NoSuchThing"):
        ses_lab.deploy_assembly(assembly(tmp_path, Created=BAD))
    assert "Url" in ses_lab.deploy_assembly(assembly(tmp_path, Created=GOOD))["Created"]
    ses_lab.delete_stack("Created")


@pytest.mark.lab
def test_a_failed_update_is_rolled_back_and_the_old_template_is_still_in_place(ses_lab: Lab, tmp_path: Path) -> None:
    outputs = ses_lab.deploy_assembly(assembly(tmp_path, Updated=GOOD))
    with pytest.raises(LabError, match=r"Updated ended as UPDATE_ROLLBACK_COMPLETE: Topic: .*NoSuchThing"):
        ses_lab.deploy_assembly(assembly(tmp_path, Updated=BAD))
    assert ses_lab.deploy_assembly(assembly(tmp_path, Updated=GOOD)) == outputs
    ses_lab.delete_stack("Updated")


@pytest.mark.lab
def test_stacks_are_deployed_after_those_that_they_depend_on(ses_lab: Lab, tmp_path: Path) -> None:
    exported = {**GOOD, "Outputs": {"Url": {"Value": {"Ref": "Queue"}, "Export": {"Name": "queue-url"}}}}
    importing = {"Resources": {"Queue": QUEUE}, "Outputs": {"Url": {"Value": {"Fn::ImportValue": "queue-url"}}}}
    place = assembly(tmp_path, Later=importing, First=exported)
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["artifacts"]["Later"]["dependencies"] = ["First"]
    (place / "manifest.json").write_text(json.dumps(manifest))
    outputs = ses_lab.deploy_assembly(place)
    assert outputs["Later"] == outputs["First"]
    ses_lab.delete_stack("Later")
    ses_lab.delete_stack("First")


@pytest.mark.lab
def test_a_protected_stack_stays(ses_lab: Lab, tmp_path: Path) -> None:
    place = assembly(tmp_path, Protected=GOOD)
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["artifacts"]["Protected"]["properties"]["terminationProtection"] = True
    (place / "manifest.json").write_text(json.dumps(manifest))
    ses_lab.deploy_assembly(place)
    with pytest.raises(LabError, match=r"deleting Protected: .*TerminationProtection"):
        ses_lab.delete_stack("Protected")
    cloudformation = ses_lab.session().client("cloudformation")
    cloudformation.update_termination_protection(StackName="Protected", EnableTerminationProtection=False)
    ses_lab.delete_stack("Protected")
    ses_lab.delete_stack("Protected")  # what is gone is no error


@pytest.mark.lab
def test_neither_a_proxy_nor_the_users_configuration_file_comes_between(
    ses_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "config"
    broken.write_text("[[ this is no configuration file")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    ses_lab.session().client("sqs").list_queues()
    ses_lab.events()


@pytest.mark.lab
def test_two_labs_side_by_side_know_nothing_of_each_other() -> None:
    with Lab() as one, Lab(region="eu-west-1") as other:
        one.session().client("sqs").create_queue(QueueName="only-here")
        assert other.session().client("sqs").list_queues().get("QueueUrls", []) == []
        assert other.session().client("sqs").meta.region_name == "eu-west-1"


@pytest.mark.lab
def test_a_function_sees_no_secret_and_nothing_is_left_when_the_lab_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret-of-the-build-server")
    with Lab() as lab:
        outputs = lab.deploy(APPS / "tiny")["Tiny"]
        answer = lab.session().client("lambda").invoke(FunctionName=outputs["FunctionName"])
        told = json.loads(answer["Payload"].read())
        work_dir = Path(told["environment"]["TMPDIR"]).parent
        assert work_dir.is_dir()
    assert "secret-of-the-build-server" not in told["environment"].values()
    assert Path(told["environment"]["HOME"]).is_relative_to(work_dir)
    assert told["environment"]["AWS_SECRET_ACCESS_KEY"] == "test"
    assert not work_dir.exists()
    wait_until_gone(told["pid"])


@pytest.mark.lab
def test_a_lab_does_not_outlive_the_program_that_was_killed(tmp_path: Path) -> None:
    program = "\n".join(
        [
            "import sys, time",
            "from ses_constructs.lab import Lab",
            "with Lab(work_dir=sys.argv[1]) as lab:",
            "    print(lab.endpoint_url, flush=True)",
            "    time.sleep(600)",
        ]
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline().rpartition(":")[2])
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 15
    while answers(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(port)


def assembly(directory: Path, **templates: Mapping[str, Any]) -> Path:
    """A cloud assembly as the CDK writes it, of stacks that need no bootstrap resources."""
    artifacts = {}
    for name, template in templates.items():
        (directory / f"{name}.template.json").write_text(json.dumps(template))
        properties = {"templateFile": f"{name}.template.json", "stackName": name}
        artifacts[name] = {"type": "aws:cloudformation:stack", "properties": properties}
    (directory / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": artifacts}))
    return directory


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):  # one that ended and that nobody has asked for yet is not alive
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
