"""One address that may send: AWS::SES::EmailIdentity of an email address.

See https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html#verify-email-addresses-procedure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy

from ses_constructs._kit.checks import domain_problem, fail, is_token
from ses_constructs.identity.sending_identity import SendingIdentity

if TYPE_CHECKING:
    from aws_cdk import aws_ses as ses
    from constructs import Construct

# The dot-atom of RFC 5322, section 3.2.3, at most 64 octets (RFC 5321, section 4.5.3.1.1).
_LOCAL_PART = re.compile(r"(?=.{1,64}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


class EmailAddressIdentity(SendingIdentity):
    """Send from one address, where the domain is not yours to verify: no DKIM of its own, no MAIL FROM, no DNS.

    Defines: the email identity. SES then mails a link to the address, good for 24 hours; the identity can send once
    somebody has opened it, and the stack does not wait for that. Prefer a :class:`DomainIdentity` where you can.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        address: str,
        configuration_set: ses.IConfigurationSet | None = None,
        feedback_forwarding: bool = False,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param address: the bare address, written exactly as it is sent from: SES compares addresses with regard to
            case. A label (``you+label@``) needs no identity of its own. Changing it makes a new identity.

        :param configuration_set: used for mail from this address that names no set itself.
        :param feedback_forwarding: whether SES also mails bounces and complaints to the sender. SES does so in any
            case while nothing else receives them.
        :param removal_policy: what becomes of the identity when it leaves the stack. Default: kept, except when its
            first deployment is rolled back. To deploy the same address again later, see docs/redeploy.md.
        :raises ValueError: for a malformed address.
        """
        super().__init__(
            scope,
            id,
            configuration_set=configuration_set,
            feedback_forwarding=feedback_forwarding,
            removal_policy=removal_policy,
        )
        self.address = self._name = self._checked(address)
        self._resource = self._define(removal_policy)

    def _checked(self, address: Any) -> str:
        if not isinstance(address, str):
            fail(self, "address", "must be an email address", address)
        if is_token(address):
            return address
        local, at, domain = address.rpartition("@")
        if not at or not _LOCAL_PART.fullmatch(local):
            fail(self, "address", "must be a bare address like hello@example.com", address)
        problem = domain_problem(domain)
        if problem is not None:
            fail(self, "address", f"has a domain that {problem}", address)
        return address
