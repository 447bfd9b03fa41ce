"""``Custom::SesIdentityPolicy``: who else may send from an identity.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentityPolicy.html.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from custom_resources import ses
from ses_common.lifecycle import Refused, Result

if TYPE_CHECKING:
    from ses_common.lifecycle import Request


class IdentityPolicies:
    """Properties: ``Identity``, ``PolicyName``, ``Policy`` (JSON). The physical id is ``IDENTITY/POLICYNAME``."""

    def create(self, request: Request) -> Result:
        """Make the policy. One of the same name is somebody else's, unless it says the same."""
        result = _result(request)
        try:
            ses.call(ses.v2().create_email_identity_policy, request.deadline, **_arguments(request, "Policy"))
        except ClientError as error:
            if ses.code(error) != "AlreadyExistsException":
                raise Refused(_reason(request, error)) from error
            if not self._is_there(request):
                name, identity = request.properties["PolicyName"], request.properties["Identity"]
                reason = f"{identity} has a policy named {name} already, which says something else"
                raise Refused(f"{reason}; delete it or choose another policy_name") from error
        return result

    def update(self, request: Request) -> Result:
        """Change what the policy says; another identity or name is another policy."""
        result = _result(request)
        if result.physical_id != request.physical_id:
            return self.create(request)
        try:
            ses.call(ses.v2().update_email_identity_policy, request.deadline, **_arguments(request, "Policy"))
        except ClientError as error:
            if ses.code(error) != "NotFoundException":
                raise Refused(_reason(request, error)) from error
            return self.create(request)  # somebody has deleted it
        return result

    def delete(self, request: Request) -> None:
        """Delete the policy, if it and its identity are still there."""
        try:
            ses.call(ses.v2().delete_email_identity_policy, request.deadline, **_arguments(request))
        except ClientError as error:
            if ses.code(error) != "NotFoundException":
                raise

    def _is_there(self, request: Request) -> bool:
        identity, name = request.properties["Identity"], request.properties["PolicyName"]
        found = ses.call(ses.v2().get_email_identity_policies, request.deadline, EmailIdentity=identity)
        policy = found.get("Policies", {}).get(name)
        return policy is not None and json.loads(policy) == json.loads(request.properties["Policy"])


def _result(request: Request) -> Result:
    return Result(f"{request.properties['Identity']}/{request.properties['PolicyName']}")


def _arguments(request: Request, *more: str) -> dict[str, Any]:
    names = {"Identity": "EmailIdentity", "PolicyName": "PolicyName", "Policy": "Policy"}
    return {names[name]: request.properties[name] for name in ("Identity", "PolicyName", *more)}


def _reason(request: Request, error: ClientError) -> str:
    message = error.response["Error"]["Message"]
    return f"SES refused the policy {request.properties['PolicyName']} of {request.properties['Identity']}: {message}"
