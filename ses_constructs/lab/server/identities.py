"""The identities of API v2: making, changing, describing and deleting them, and their policies.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server.errors import SesError, invalid
from ses_constructs.lab.server.verification import REPLICA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator

JsonObject = dict[str, Any]

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentityPolicy.html
_MAX_POLICIES = 20
_MAX_POLICY_BYTES = 4096
_POLICY_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Identities:
    """What API v2 does with identities; each method but :meth:`create` refuses one that is not there."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine

    def create(
        self, name: str, *, signing: Mapping[str, Any], configuration_set: str | None, tags: Sequence[Mapping[str, str]]
    ) -> JsonObject:
        """Make an identity and return its description. :param signing: the ``DkimSigningAttributes``."""
        if not name:
            raise invalid("EmailIdentity is required.")
        if self._emulator.identity(name) is not None:
            raise SesError("AlreadyExistsException", f"Email identity {name} already exist.")
        self._check_set(configuration_set)
        origin = signing.get("DomainSigningAttributesOrigin")
        if origin is not None and not origin.startswith(REPLICA):
            raise invalid("DomainSigningAttributesOrigin must name a region here.")
        self._emulator.add_identity(name, tags=[dict(tag) for tag in tags])
        record = self._emulator.identity_record(name)
        record["DkimAttributes"] = self.dkim_attributes(name, signing, origin)
        record["ConfigurationSetName"] = configuration_set or ""
        return self.describe(name)

    def describe(self, name: str) -> JsonObject:
        """Return an identity as GetEmailIdentity does."""
        record = self._record(name)
        error = self._engine.verifier.error(name, record)
        dkim = dict(record.get("DkimAttributes") or {})
        if dkim.get("Tokens"):
            dkim["Status"] = "SUCCESS" if error is None else "PENDING"
        mail_from = {key: value for key, value in (record.get("MailFromAttributes") or {}).items() if value}
        if "MailFromDomain" in mail_from:
            mail_from["MailFromDomainStatus"] = self._engine.verifier.mail_from_status(mail_from["MailFromDomain"])
        settings = self._engine.publisher.notifications.of(self._emulator.region, name)
        description: JsonObject = {
            "IdentityType": record["IdentityType"],
            "FeedbackForwardingStatus": settings.forwarding,
            "VerifiedForSendingStatus": error is None,
            "VerificationStatus": "SUCCESS" if error is None else "PENDING",
            "DkimAttributes": dkim,
            "MailFromAttributes": mail_from,
            "Policies": dict(self._policies(name)),
            "Tags": list(record.get("Tags") or []),
        }
        if record.get("ConfigurationSetName"):
            description["ConfigurationSetName"] = record["ConfigurationSetName"]
        if error is not None:
            description["VerificationInfo"] = {"ErrorType": error}
        return description

    def delete(self, name: str) -> None:
        """Delete an identity with its policies and notification settings."""
        self._record(name)
        self._emulator.remove_identity(name)
        self._engine.publisher.notifications.forget(self._emulator.region, name)

    def set_dkim_enabled(self, name: str, enabled: bool) -> None:
        """Sign mail, or do not."""
        record = self._record(name)
        record["DkimAttributes"] = {**record["DkimAttributes"], "SigningEnabled": enabled}

    def set_dkim_signing(self, name: str, origin: str, signing: Mapping[str, Any]) -> JsonObject:
        """Change where the DKIM key comes from, and return what PutEmailIdentityDkimSigningAttributes does."""
        record = self._record(name)
        if "@" in name:
            raise invalid(f"{name} is no domain: it has no DKIM of its own.")
        record["DkimAttributes"] = self.dkim_attributes(name, signing, origin)
        dkim = self.describe(name)["DkimAttributes"]
        return {"DkimStatus": dkim["Status"], "DkimTokens": dkim["Tokens"]}

    def set_forwarding(self, name: str, enabled: bool) -> None:
        """Mail feedback to the sender, or do not; unlike API v1, v2 does not ask for topics first."""
        self._record(name)
        self._engine.publisher.notifications.of(self._emulator.region, name).forwarding = enabled

    def set_mail_from(self, name: str, domain: str | None, behavior: str) -> None:
        """Set the MAIL FROM domain; None: no own one."""
        record = self._record(name)
        if domain and not domain.endswith(f".{name.rpartition('@')[2]}"):
            raise invalid(
                f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity <{name}>."
            )
        record["MailFromAttributes"] = {"MailFromDomain": domain or "", "BehaviorOnMxFailure": behavior}

    def set_configuration_set(self, name: str, configuration_set: str | None) -> None:
        """Set the default configuration set; None: no one."""
        record = self._record(name)
        self._check_set(configuration_set)
        record["ConfigurationSetName"] = configuration_set or ""

    def policies(self, name: str) -> JsonObject:
        """Return the policies by name."""
        self._record(name)
        return dict(self._policies(name))

    def put_policy(self, name: str, policy_name: str, policy: str, *, new: bool) -> None:
        """Make or change a policy."""
        self._record(name)
        policies = self._policies(name)
        if new and policy_name in policies:
            raise SesError("AlreadyExistsException", f"Policy {policy_name} already exists for {name}.")
        if not new and policy_name not in policies:
            raise SesError("NotFoundException", f"Policy {policy_name} does not exist for {name}.", status=404)
        if new and len(policies) == _MAX_POLICIES:
            raise SesError("LimitExceededException", f"{name} has {_MAX_POLICIES} policies already.")
        if not _POLICY_NAME.fullmatch(policy_name):
            raise invalid(f"Policy name <{policy_name}> is invalid.")
        self._check_policy(name, policy)
        policies[policy_name] = policy

    def delete_policy(self, name: str, policy_name: str) -> None:
        """Delete a policy, if it is there."""
        self._record(name)
        self._policies(name).pop(policy_name, None)

    def dkim_attributes(self, name: str, signing: Mapping[str, Any], origin: str | None = None) -> JsonObject:
        """Return the DKIM of a new identity, or after a change of its key."""
        if "@" in name:
            return {"SigningEnabled": False, "Status": "NOT_STARTED", "Tokens": []}
        if "DomainSigningSelector" in signing:
            selector = signing["DomainSigningSelector"]
            return {"SigningEnabled": True, "SigningAttributesOrigin": "EXTERNAL", "Tokens": [selector]}
        origin = origin if origin is not None else "AWS_SES"
        length = signing.get("NextSigningKeyLength", "RSA_2048_BIT")
        if origin.startswith(REPLICA):
            tokens = self._engine.verifier.parent_tokens(name, origin)
        else:
            tokens = self._emulator.dkim_tokens(name)
        return {
            "SigningEnabled": True,
            "SigningAttributesOrigin": origin,
            "NextSigningKeyLength": length,
            "CurrentSigningKeyLength": length,
            "SigningHostedZone": "dkim.amazonses.com",
            "Tokens": tokens,
        }

    def _record(self, name: str) -> JsonObject:
        if self._emulator.identity(name) is None:
            raise SesError("NotFoundException", f"Email identity {name} does not exist.", status=404)
        return self._emulator.identity_record(name)

    def _policies(self, name: str) -> dict[str, str]:
        policies: dict[str, str] = self._emulator.identity_record(name).setdefault("Policies", {})
        return policies

    def _check_set(self, name: str | None) -> None:
        if name and self._emulator.configuration_set(name) is None:
            raise SesError("NotFoundException", f"Configuration set <{name}> does not exist.", status=404)

    def _check_policy(self, name: str, policy: str) -> None:
        if len(policy.encode()) > _MAX_POLICY_BYTES:
            raise invalid(f"The policy is longer than {_MAX_POLICY_BYTES} bytes.")
        try:
            statements = json.loads(policy)["Statement"]
            resources = {statement["Resource"] for statement in statements}
        except (ValueError, KeyError, TypeError) as error:
            raise invalid(f"The policy is invalid: {error}") from error
        if resources != {self._emulator.ses_arn("identity", name)}:
            raise invalid(f"The policy is invalid: its resource must be the identity {name}, got {sorted(resources)}")
