"""A domain's demand that mail to it comes over verified TLS: SMTP MTA Strict Transport Security (MTA-STS).

RFC 8461: https://www.rfc-editor.org/rfc/rfc8461.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Literal, get_args

from aws_cdk import Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from ses_constructs._kit.certificates import cloudfront_certificate
from ses_constructs._kit.checks import domain_name, domain_problem, fail, is_token, items
from ses_constructs._kit.records import DnsRecord, mta_sts_record
from ses_constructs.identity.dns import check_dns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_certificatemanager as acm

    from ses_constructs.identity.dns import Dns

Mode = Literal["testing", "enforce", "none"]

_MAX_AGE_LIMIT = 31_557_600  # seconds, about a year: RFC 8461, section 3.2
_POLICY_ID = re.compile(r"[a-zA-Z0-9]{1,32}")  # RFC 8461, section 3.1
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
_FUNCTION_LIMIT = 10_240  # octets
_FUNCTION = """\
function handler(event) {
    if (event.request.uri !== "/.well-known/mta-sts.txt") {
        return { statusCode: 404, statusDescription: "Not Found" };
    }
    return {
        statusCode: 200,
        statusDescription: "OK",
        headers: { "content-type": { value: "text/plain" } },
        body: POLICY
    };
}
"""


class MtaSts(Construct):
    """Tell the senders of mail to *domain* which servers receive it, and that TLS to them must be verified.

    Without it a sender delivers in the clear to whoever claims to be the server. Begin with the mode ``testing``
    together with :class:`TlsRpt`, read the reports, then go to ``enforce``. Senders keep a policy for its *max_age*, so
    do not just remove it: set the mode ``none``, wait for as long as the old *max_age*, then remove the construct.

    Defines: a CloudFront function that answers with the policy, a distribution for ``mta-sts.DOMAIN``, a certificate
    unless you pass yours, and through *dns* the TXT record ``_mta-sts.DOMAIN`` and the CNAME ``mta-sts.DOMAIN``. A
    changed policy is served before the record announces it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        domain: str,
        dns: Dns,
        mode: Mode = "testing",
        mx: Sequence[str] = (),
        max_age: Duration | None = None,
        policy_id: str | None = None,
        certificate: acm.ICertificate | None = None,
    ) -> None:
        """:param domain: the domain that receives mail; at most 245 characters.

        :param dns: where the records go, for example ``Dns.route53(zone)``.
        :param mode: ``testing``: failures are only reported. ``enforce``: what fails is not delivered. ``none``:
            there is no policy any more.
        :param mx: the hosts of the domain's MX records, to whose names their certificates are issued;
            ``*.example.net`` stands for one label. ``inbound-smtp.REGION.amazonaws.com`` where SES receives. Only
            in the mode ``none`` may there be no host.
        :param max_age: how long senders keep the policy, at most 31,557,600 seconds. Default: 14 days.
        :param policy_id: 1 to 32 letters and digits, by which senders see that the policy has changed. Default: made
            from the policy, so that it changes exactly when the policy does. It must be given, and changed by you, if
            the policy holds values known only at deployment, other than the region and its like (``Aws.REGION``).
        :param certificate: an ACM certificate for ``mta-sts.DOMAIN``, of us-east-1, where CloudFront takes certificates
            from. Default: a new one, for which the stack must be in us-east-1 and *dns* ``Dns.route53(zone)``.
        :raises ValueError: for a malformed domain or host, a mode without hosts, a value out of range, a certificate
            that is needed and not given or of another region, or a zone that is not the domain's.
        """
        super().__init__(scope, id)
        check_dns(self, dns)
        self.domain = domain_name(self, "domain", domain)
        host = domain_name(self, "domain", f"mta-sts.{self.domain}")
        self.policy: str = self._policy(mode, mx, max_age)
        """The text of the policy."""
        self.policy_id: str = self._policy_id(policy_id)
        """By which senders see that the policy has changed."""

        self.certificate: acm.ICertificate = cloudfront_certificate(self, certificate, host=host, zone=dns.hosted_zone)
        """The certificate for ``mta-sts.DOMAIN``."""
        self.function: cloudfront.Function = self._function(mx)
        """The function that answers with the policy."""
        self.distribution: cloudfront.Distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="MTA-STS policy",
            domain_names=[host],
            certificate=self.certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            default_behavior=cloudfront.BehaviorOptions(
                # A distribution must have an origin. The function answers every request before it would be asked, and
                # nothing can ever be found under this top-level domain (RFC 6761, section 6.4).
                origin=origins.HttpOrigin("no-origin.invalid"),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                function_associations=[
                    cloudfront.FunctionAssociation(
                        function=self.function, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST
                    )
                ],
            ),
        )
        """Serves the policy at ``https://mta-sts.DOMAIN/.well-known/mta-sts.txt``."""

        self.records: Sequence[DnsRecord] = (
            mta_sts_record(self.domain, self.policy_id),
            DnsRecord(
                name=host,
                type="CNAME",
                values=(self.distribution.distribution_domain_name,),
                purpose="MTA-STS: where senders fetch the policy",
            ),
        )
        """Both records."""
        dns.publish(self, domain=self.domain, records=self.records, removal_policy=RemovalPolicy.DESTROY)

    def _policy(self, mode: Mode, mx: Sequence[str], max_age: Duration | None) -> str:
        if mode not in get_args(Mode):
            fail(self, "mode", f"must be one of {', '.join(get_args(Mode))}", mode)
        hosts = items(self, "mx", mx, what="hosts") if mode != "none" or mx else ()
        for host in hosts:
            if not isinstance(host, str) or not (is_token(host) or domain_problem(host.removeprefix("*.")) is None):
                fail(self, "mx", "must be host names like mx.example.com or *.example.com", host)
        lines = [
            "version: STSv1",
            f"mode: {mode}",
            *(f"mx: {host}" for host in hosts),
            f"max_age: {self._seconds(max_age)}",
        ]
        return "".join(f"{line}\r\n" for line in lines)

    def _seconds(self, max_age: Duration | None) -> str:
        seconds = (max_age if max_age is not None else Duration.days(14)).to_seconds()
        if max_age is not None and max_age.is_unresolved():
            return Token.as_string(seconds)
        if seconds > _MAX_AGE_LIMIT:
            fail(self, "max_age", "must be at most 31,557,600 seconds", seconds)
        return str(int(seconds))

    def _policy_id(self, given: str | None) -> str:
        if given is not None:
            if not isinstance(given, str) or not (is_token(given) or _POLICY_ID.fullmatch(given)):
                fail(self, "policy_id", "must be 1 to 32 letters and digits", given)
            return given
        # CloudFormation has no function for a hash, so it is made of the policy as it stands in the template.
        written = Stack.of(self).resolve(self.policy)
        if not _is_fixed(written):
            rule = "must be given, for the policy holds a value known only at deployment, from which no id can be made"
            fail(self, "policy_id", rule, given)
        return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()[:32]

    def _function(self, mx: Sequence[str]) -> cloudfront.Function:
        code = _FUNCTION.replace("POLICY", json.dumps(self.policy))
        if len(code) > _FUNCTION_LIMIT:
            fail(self, "mx", "must fit with the policy into a CloudFront function of 10,240 octets", f"{len(mx)} hosts")
        return cloudfront.Function(
            self,
            "Function",
            comment="MTA-STS policy",
            code=cloudfront.FunctionCode.from_inline(code),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )


def _is_fixed(written: Any) -> bool:
    """Whether a template's value can change only with the template: plain text and pseudo parameters."""
    match written:
        case {"Ref": str(name)}:
            return name.startswith("AWS::")
        case {"Fn::Join": [_, list(parts)]}:
            return all(_is_fixed(part) for part in parts)
    return isinstance(written, str)
