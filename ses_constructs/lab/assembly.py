"""Deploying a cloud assembly through CloudFormation: the templates that the CDK CLI would deploy, without the CLI.

See https://docs.aws.amazon.com/cdk/v2/guide/deploy.html.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from graphlib import TopologicalSorter
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
        outputs: dict[str, dict[str, str]] = {}
        for place, artifacts in _assemblies(directory):
            for artifact in artifacts.values():
                if artifact["type"] == "cdk:asset-manifest":
                    self._publish(place, place / artifact["properties"]["file"])
            for id, stack in _stacks_in_order(artifacts):
                name = stack["properties"].get("stackName", id)
                outputs[name] = self._deploy_stack(name, place, stack["properties"])
        return outputs

    def delete(self, name: str) -> None:
        """Delete a stack, if it is there.

        :raises LabError: if a resource cannot be deleted, or the stack is protected.
        """
        try:
            self._cloudformation.delete_stack(StackName=name)
            self._wait(name)
        except ClientError as error:
            if "does not exist" not in str(error):
                raise LabError(f"deleting {name}: {error}") from error

    def _deploy_stack(self, name: str, place: Path, properties: Mapping[str, Any]) -> dict[str, str]:
        arguments: dict[str, Any] = {
            "StackName": name,
            **self._template(place, properties),
            "Tags": [{"Key": key, "Value": value} for key, value in properties.get("tags", {}).items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        if self._status(name) == "ROLLBACK_COMPLETE":
            self.delete(name)  # what never came into being cannot be updated; the CDK CLI does the same
        seen = {event["EventId"] for event in self._events(name)}
        try:
            if self._status(name) is not None:
                self._cloudformation.update_stack(**arguments)
            else:
                self._cloudformation.create_stack(**arguments)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return self._outputs(name)
            raise LabError(f"deploying {name}: {error}") from error
        status = self._wait(name)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            failed = [it for it in self._events(name) if it["EventId"] not in seen and "FAILED" in it["ResourceStatus"]]
            failed.sort(key=lambda it: it["Timestamp"])
            first = (
                f"{failed[0]['LogicalResourceId']}: {failed[0].get('ResourceStatusReason')}" if failed else "no reason"
            )
            raise LabError(f"deploying {name} ended as {status}: {first}")
        # Only now: a first deployment that failed must be deleted before the next one.
        protected = properties.get("terminationProtection", False)
        self._cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=protected)
        return self._outputs(name)

    def _template(self, place: Path, properties: Mapping[str, Any]) -> dict[str, str]:
        published = properties.get("stackTemplateAssetObjectUrl")
        if published is None:  # a stack that does without the bootstrap resources
            return {"TemplateBody": (place / properties["templateFile"]).read_text()}
        return {"TemplateURL": f"{self._endpoint_url}/{self._resolved(published).removeprefix('s3://')}"}

    def _outputs(self, name: str) -> dict[str, str]:
        (stack,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _wait(self, name: str) -> str:
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            (stack,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
            status = str(stack["StackStatus"])
            if status == "DELETE_FAILED":
                failed = [it for it in self._events(name) if it["ResourceStatus"] == "DELETE_FAILED"]
                reasons = [f"{it['LogicalResourceId']}: {it.get('ResourceStatusReason')}" for it in failed]
                raise LabError(f"deleting {name}: {'; '.join(reasons)}")
            if status == "DELETE_COMPLETE" or not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(0.1)
        raise LabError(f"{name} is still {status} after {_TIMEOUT} s")

    def _status(self, name: str) -> str | None:
        try:
            (stack,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError:
            return None
        status = str(stack["StackStatus"])
        return status if status != "DELETE_COMPLETE" else None

    def _events(self, name: str) -> list[Any]:
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        try:
            return [event for page in pages for event in page["StackEvents"]]
        except ClientError:
            return []

    def _publish(self, directory: Path, manifest: Path) -> None:
        assets = json.loads(manifest.read_text())
        if assets.get("dockerImages"):
            raise LabError(f"publishing {manifest.name}: the lab has no Docker, so it takes no image assets")
        for asset in assets.get("files", {}).values():
            source = directory / asset["source"]["path"]
            body = _zipped(source) if asset["source"]["packaging"] == "zip" else source.read_bytes()
            for destination in asset["destinations"].values():
                bucket, key = self._resolved(destination["bucketName"]), self._resolved(destination["objectKey"])
                self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    def _resolved(self, text: str) -> str:
        for placeholder, value in self._places.items():
            text = text.replace(placeholder, value)
        return text


def _assemblies(directory: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the artifacts of an assembly, then those of the stages within it."""
    manifest = directory / "manifest.json"
    if not manifest.is_file():
        raise LabError(f"there is no cloud assembly in {directory}: it has no manifest.json")
    assembly = json.loads(manifest.read_text())
    if assembly.get("missing"):
        keys = ", ".join(it["key"] for it in assembly["missing"])
        raise LabError(f"{directory} lacks context that has to be looked up first: {keys}")
    artifacts = assembly.get("artifacts", {})
    yield directory, artifacts
    for artifact in artifacts.values():
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _assemblies(directory / artifact["properties"]["directoryName"])


def _stacks_in_order(artifacts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the stacks, each after those that it depends on."""
    stacks = {id: it for id, it in artifacts.items() if it["type"] == "aws:cloudformation:stack"}
    graph = {id: [it for it in stack.get("dependencies", ()) if it in stacks] for id, stack in stacks.items()}
    for id in TopologicalSorter(graph).static_order():
        yield id, stacks[id]


def _zipped(directory: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(directory))
    return buffer.getvalue()
