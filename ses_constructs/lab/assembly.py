"""Deploying a cloud assembly through CloudFormation: the templates that the CDK CLI would deploy, without the CLI.

See https://docs.aws.amazon.com/cdk/v2/guide/deploy.html.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ses_constructs.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from boto3 import Session

_TIMEOUT = 300  # seconds for one stack


class AssemblyDeployer:
    """Deploys the stacks of one cloud assembly."""

    def __init__(self, session: Session, *, account: str, region: str, endpoint_url: str) -> None:
        """:param session: points to the lab, which must be bootstrapped."""
        self._cloudformation = session.client("cloudformation")
        self._s3 = session.client("s3")
        self._places = {"${AWS::AccountId}": account, "${AWS::Region}": region, "${AWS::Partition}": "aws"}
        self._endpoint_url = endpoint_url

    def deploy(self, directory: Path) -> dict[str, dict[str, str]]:
        """Publish the file assets, then create or update each stack in the order of their dependencies.

        :returns: the outputs of each stack.
        :raises LabError: with the resource and reason of the first failure, after the stack has rolled back.
        """
        artifacts = json.loads((directory / "manifest.json").read_text())["artifacts"]
        for artifact in artifacts.values():
            if artifact["type"] == "cdk:asset-manifest":
                self._publish(directory, directory / artifact["properties"]["file"])
        return {stack["name"]: self._deploy_stack(**stack) for stack in self._stacks(artifacts)}

    def delete(self, name: str) -> None:
        """Delete a stack, if it is there.

        :raises LabError: if a resource cannot be deleted.
        """
        try:
            self._cloudformation.delete_stack(StackName=name)
            self._wait(name)
        except ClientError as error:
            if "does not exist" not in str(error):
                raise

    def _stacks(self, artifacts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        stacks = {id: it for id, it in artifacts.items() if it["type"] == "aws:cloudformation:stack"}
        done: set[str] = set()

        def visit(id: str) -> Iterator[dict[str, Any]]:
            if id in done:
                return
            done.add(id)
            for dependency in stacks[id].get("dependencies", ()):
                if dependency in stacks:
                    yield from visit(dependency)
            properties = stacks[id]["properties"]
            url = self._resolved(properties["stackTemplateAssetObjectUrl"])
            yield {
                "name": properties.get("stackName", id),
                "template_url": f"{self._endpoint_url}/{url.removeprefix('s3://')}",
                "tags": properties.get("tags", {}),
                "protected": properties.get("terminationProtection", False),
            }

        for id in stacks:
            yield from visit(id)

    def _deploy_stack(
        self, *, name: str, template_url: str, tags: Mapping[str, str], protected: bool
    ) -> dict[str, str]:
        arguments: dict[str, Any] = {
            "StackName": name,
            "TemplateURL": template_url,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        seen = {event["EventId"] for event in self._events(name)}
        try:
            if self._exists(name):
                self._cloudformation.update_stack(**arguments)
            else:
                self._cloudformation.create_stack(**arguments, EnableTerminationProtection=protected)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise LabError(f"deploying {name}: {error}") from error
        status = self._wait(name)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            failed = [it for it in self._events(name) if it["EventId"] not in seen and "FAILED" in it["ResourceStatus"]]
            failed.sort(key=lambda it: it["Timestamp"])
            first = (
                f"{failed[0]['LogicalResourceId']}: {failed[0].get('ResourceStatusReason')}" if failed else "no reason"
            )
            raise LabError(f"deploying {name} ended as {status}: {first}")
        (stack,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _wait(self, name: str) -> str:
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            (stack,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
            status = str(stack["StackStatus"])
            if status == "DELETE_FAILED":
                raise LabError(f"deleting {name}: {stack.get('StackStatusReason')}")
            if status == "DELETE_COMPLETE" or not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(0.1)
        raise LabError(f"{name} is still {status} after {_TIMEOUT} s")

    def _exists(self, name: str) -> bool:
        try:
            (stack,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError:
            return False
        return str(stack["StackStatus"]) != "DELETE_COMPLETE"

    def _events(self, name: str) -> list[Any]:
        try:
            return list(self._cloudformation.describe_stack_events(StackName=name)["StackEvents"])
        except ClientError:
            return []

    def _publish(self, directory: Path, manifest: Path) -> None:
        for asset in json.loads(manifest.read_text())["files"].values():
            source = directory / asset["source"]["path"]
            body = _zipped(source) if asset["source"]["packaging"] == "zip" else source.read_bytes()
            for destination in asset["destinations"].values():
                bucket, key = self._resolved(destination["bucketName"]), self._resolved(destination["objectKey"])
                self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    def _resolved(self, text: str) -> str:
        for placeholder, value in self._places.items():
            text = text.replace(placeholder, value)
        return text


def _zipped(directory: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(directory))
    return buffer.getvalue()
