"""``Custom::SesEmailIdentity``: a domain identity that may exist already, or copies its DKIM key from another region.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from custom_resources import ses
from ses_common.lifecycle import Refused, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_common.lifecycle import Request

_EASY_DKIM = {"DkimOrigin": "AWS_SES", "DkimKeyLength": "RSA_2048_BIT"}
_USE_DEFAULT = "USE_DEFAULT_VALUE"  # SES then sends with amazonses.com
_CLEARED = {"MailFromDomain": "", "BehaviorOnMxFailure": _USE_DEFAULT, "ConfigurationSetName": ""}
_OWNER = "ses-constructs:stack"  # tag of an identity that was made here
Json = dict[str, Any]


class EmailIdentities:
    """Properties: ``Identity``, ``Existing`` (``fail`` or ``adopt``), ``Stack``, ``FeedbackForwarding``, and those of
    ``DkimOrigin``, ``DkimKeyLength``, ``MailFromDomain``, ``BehaviorOnMxFailure`` and ``ConfigurationSetName`` that are
    declared.

    The physical id is the identity; attributes are ``DkimDNSTokenName1`` to ``3`` and ``DkimDNSTokenValue1`` to ``3``.
    """

    def create(self, request: Request) -> Result:
        """Make the identity, or take it over if that is allowed. A refused change is taken back."""
        properties, deadline = request.properties, request.deadline
        before = _look(request)
        if before is None:
            try:
                ses.call(ses.v2().create_email_identity, deadline, **_creation(properties))
            except ClientError as error:
                raise _refused(request, error) from error
        elif properties["Existing"] == "fail" and not _is_ours(before, properties):
            rule = "and belongs to somebody else; existing='adopt' takes it over"
            raise Refused(f"the identity {properties['Identity']} exists already {rule}")
        try:
            self._change(request, _wanted(properties))
        except ClientError as error:
            if before is None:
                ses.call(ses.v2().delete_email_identity, deadline, EmailIdentity=properties["Identity"])
            else:
                self._change(request, _settings(before))
            raise _refused(request, error) from error
        return _result(request)

    def update(self, request: Request) -> Result:
        """Change what is declared; what is declared no more is cleared if it is still as it was declared."""
        if request.properties["Identity"] != request.physical_id:
            return self.create(request)
        before = _look(request)
        if before is None:  # somebody has deleted it
            return self.create(request)
        wanted, current = _wanted(request.properties), _settings(before)
        for name, cleared in _CLEARED.items():
            if name not in wanted and current[name] and current[name] == request.old_properties.get(name):
                wanted[name] = cleared
        try:
            self._change(request, wanted)
        except ClientError as error:
            raise _refused(request, error) from error
        return _result(request)

    def delete(self, request: Request) -> None:
        """Leave an adopted identity behind; delete one that was made here, if it is still there."""
        found = _look(request)
        if found is None or request.properties["Existing"] == "adopt" or not _is_ours(found, request.properties):
            return
        try:
            ses.call(ses.v2().delete_email_identity, request.deadline, EmailIdentity=request.properties["Identity"])
        except ClientError as error:
            if ses.code(error) != "NotFoundException":
                raise

    def _change(self, request: Request, wanted: Mapping[str, Any]) -> None:
        """Make the identity as *wanted*, with no call for what is so already. DKIM last: it cannot be taken back."""
        identity, deadline, client = request.properties["Identity"], request.deadline, ses.v2()
        found = _look(request)
        if found is None:
            raise Refused(f"the identity {identity} was deleted by somebody meanwhile")
        current = _settings(found)
        if "DkimOrigin" not in wanted and current["DkimOrigin"] == "EXTERNAL":
            reason = (
                f"{identity} signs with a key of its owner, and a change would leave mail unsigned until DNS has it"
            )
            raise Refused(f"{reason}; say dkim=Dkim.easy() to make it all the same")
        if "DkimOrigin" not in wanted and not found["DkimAttributes"].get("Tokens"):
            wanted = {**wanted, **_EASY_DKIM}  # made long ago, and never signed
        changed = {name for name, value in wanted.items() if value != current[name]}
        if changed & {"MailFromDomain", "BehaviorOnMxFailure"}:
            arguments = {it: wanted.get(it, current[it]) for it in ("MailFromDomain", "BehaviorOnMxFailure")}
            arguments = arguments if arguments["MailFromDomain"] else {}
            ses.call(client.put_email_identity_mail_from_attributes, deadline, EmailIdentity=identity, **arguments)
        if "ConfigurationSetName" in changed:
            name = wanted["ConfigurationSetName"]
            arguments = {"ConfigurationSetName": name} if name else {}
            method = client.put_email_identity_configuration_set_attributes
            ses.call(method, deadline, EmailIdentity=identity, **arguments)
        if "FeedbackForwarding" in changed:
            enabled = wanted["FeedbackForwarding"]
            method = client.put_email_identity_feedback_attributes
            ses.call(method, deadline, EmailIdentity=identity, EmailForwardingEnabled=enabled)
        if changed & {"DkimOrigin", "DkimKeyLength"}:
            signing: Json = {"SigningAttributesOrigin": wanted["DkimOrigin"]}
            if wanted.get("DkimKeyLength"):
                signing["SigningAttributes"] = {"NextSigningKeyLength": wanted["DkimKeyLength"]}
            method = client.put_email_identity_dkim_signing_attributes
            ses.call(method, deadline, EmailIdentity=identity, **signing)


def _look(request: Request) -> Json | None:
    identity = request.properties["Identity"]
    try:
        found: Json = ses.call(ses.v2().get_email_identity, request.deadline, EmailIdentity=identity)
    except ClientError as error:
        if ses.code(error) != "NotFoundException":
            raise
        return None
    return found


def _is_ours(found: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    return {"Key": _OWNER, "Value": properties["Stack"]} in found.get("Tags", [])


def _creation(properties: Mapping[str, Any]) -> Json:
    origin = properties.get("DkimOrigin", "AWS_SES")
    if origin == "AWS_SES":
        signing = {"NextSigningKeyLength": properties.get("DkimKeyLength", "RSA_2048_BIT")}
    else:
        signing = {"DomainSigningAttributesOrigin": origin}
    return {
        "EmailIdentity": properties["Identity"],
        "DkimSigningAttributes": signing,
        "Tags": [{"Key": _OWNER, "Value": properties["Stack"]}],
    }


def _wanted(properties: Mapping[str, Any]) -> Json:
    names = ("DkimOrigin", "DkimKeyLength", *_CLEARED)
    declared: Json = {name: properties[name] for name in names if name in properties}
    return {**declared, "FeedbackForwarding": properties["FeedbackForwarding"] == "true"}


def _settings(found: Mapping[str, Any]) -> Json:
    dkim, mail_from = found.get("DkimAttributes", {}), found.get("MailFromAttributes", {})
    return {
        "DkimOrigin": dkim.get("SigningAttributesOrigin", ""),
        "DkimKeyLength": dkim.get("NextSigningKeyLength", ""),
        "MailFromDomain": mail_from.get("MailFromDomain", ""),
        "BehaviorOnMxFailure": mail_from.get("BehaviorOnMxFailure", _USE_DEFAULT),
        "ConfigurationSetName": found.get("ConfigurationSetName", ""),
        "FeedbackForwarding": found.get("FeedbackForwardingStatus", True),
    }


def _result(request: Request) -> Result:
    identity = request.properties["Identity"]
    dkim = (_look(request) or {}).get("DkimAttributes", {})
    zone = dkim.get("SigningHostedZone", "dkim.amazonses.com")
    data = {}
    for number, token in enumerate(dkim.get("Tokens", []), start=1):
        data[f"DkimDNSTokenName{number}"] = f"{token}._domainkey.{identity}"
        data[f"DkimDNSTokenValue{number}"] = f"{token}.{zone}"
    return Result(identity, data)


def _refused(request: Request, error: ClientError) -> Refused:
    return Refused(f"SES refused the identity {request.properties['Identity']}: {error.response['Error']['Message']}")
