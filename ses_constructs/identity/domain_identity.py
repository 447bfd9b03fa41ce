"""A domain that may send: AWS::SES::EmailIdentity and every DNS record that it needs.

See https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from constructs import Construct

from ses_constructs._kit.checks import domain_name, fail, is_token, is_within, items
from ses_constructs.identity.dkim import Dkim
from ses_constructs.identity.dmarc import Dmarc
from ses_constructs.identity.records import DnsRecord, mail_from_records
from ses_constructs.identity.report_authorisation import warn_unless_authorised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ses_constructs.identity.dns import Dns

_DMARC_TTL = 3600  # seconds; receivers look it up for every mail, and a roll-out changes it rarely


class DomainIdentity(Construct):
    """Send from every address of *domain*, so that receivers can tell it is you.

    Defines: the email identity, and through *dns* its DKIM records, MX and SPF of the MAIL FROM domain, and DMARC.
    SES then verifies the domain by its DKIM records, usually within minutes (at most 72 hours).
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        domain: str,
        dns: Dns,
        dkim: Dkim | None = None,
        mail_from: str | None = "bounce",
        dmarc: Dmarc | None = Dmarc(),  # noqa: B008 - a frozen value, and the default that readers should see
        configuration_set: ses.IConfigurationSet | None = None,
        feedback_forwarding: bool = False,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param domain: such as ``example.com`` or ``mail.example.com``; at most 253 characters.

        :param dns: where the records go, for example ``Dns.route53(zone)``; the zone may be a parent of the domain.
        :param dkim: how mail is signed. Default: ``Dkim.easy()``, 2048 bits.
        :param mail_from: label below the domain that receives bounces and carries the SPF record, so that SPF aligns
            with the From domain. Never send from it or receive at it. None: amazonses.com, which never aligns.
        :param dmarc: the DMARC record. Default: policy ``none``. None: no record is made, for a domain that has one.
        :param configuration_set: used for mail from this domain that names no set itself.
        :param feedback_forwarding: whether SES also mails bounces and complaints to the sender. SES does so in any
            case while nothing else receives them.
        :param removal_policy: what becomes of the identity and its records when they leave the stack. Default: kept,
            for mail stops without them, except when their first deployment is rolled back.
        :raises ValueError: for a malformed domain or label, a zone that is not the domain's, a DMARC record that can
            never pass or whose reports SES would swallow.
        """
        super().__init__(scope, id)
        self.domain = domain_name(self, "domain", domain)
        self.mail_from_domain = self._mail_from_domain(mail_from)
        if dmarc is not None:
            self._check_dmarc(dmarc)
            warn_unless_authorised(self, self.domain, dmarc.report_domains())

        dkim = dkim if dkim is not None else Dkim.easy()
        self._configuration_set = configuration_set
        self.identity = ses.EmailIdentity(
            self,
            "Identity",
            identity=ses.Identity.domain(self.domain),
            dkim_identity=dkim.signing(),
            mail_from_domain=self.mail_from_domain,
            feedback_forwarding=feedback_forwarding,
            configuration_set=self._configuration_set,
        )
        self.identity.apply_removal_policy(removal_policy)

        self.records: Sequence[DnsRecord] = tuple(self._records(dkim, dmarc))
        """Every record that the domain needs."""
        dns.publish(self, domain=self.domain, records=self.records, removal_policy=removal_policy)

    @property
    def identity_arn(self) -> str:
        """The ARN that IAM policies name."""
        return self.identity.email_identity_arn

    def grant_send(
        self,
        grantee: iam.IGrantable,
        *,
        from_addresses: Sequence[str] | None = None,
        configuration_sets: Sequence[ses.IConfigurationSet] = (),
    ) -> iam.Grant:
        """Let *grantee* send from this domain, over the API and over SMTP.

        SES checks ``ses:SendRawEmail`` for raw messages and SMTP, ``ses:SendEmail`` for the others, and checks both on
        the identity **and** on the configuration set in use.

        :param from_addresses: only with these From addresses; ``*`` and ``?`` match as in IAM, and IAM compares with
            regard to case. Default: every address of the domain.
        :param configuration_sets: sets that the grantee may name. The identity's default set is always included.
        :raises ValueError: if from_addresses is a plain string or empty.
        """
        sets = list(configuration_sets)
        if self._configuration_set is not None:
            sets.append(self._configuration_set)
        stack = Stack.of(self)
        arns = [self.identity_arn]
        for name in dict.fromkeys(configuration_set.configuration_set_name for configuration_set in sets):
            arns.append(stack.format_arn(service="ses", resource="configuration-set", resource_name=name))
        conditions: dict[str, dict[str, Sequence[str]]] | None = None
        if from_addresses is not None:
            items(self, "from_addresses", from_addresses, what="addresses")
            conditions = {"StringLike": {"ses:FromAddress": list(from_addresses)}}
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["ses:SendEmail", "ses:SendRawEmail"],
            resource_arns=arns,
            conditions=conditions,
        )

    def _mail_from_domain(self, mail_from: str | None) -> str | None:
        if mail_from is None:
            return None
        if not isinstance(mail_from, str) or not mail_from:
            fail(self, "mail_from", "must be a label below the domain, or None", mail_from)
        if not is_token(mail_from) and not is_token(self.domain) and is_within(mail_from.lower(), self.domain):
            fail(self, "mail_from", f"must be only the part before .{self.domain}", mail_from)
        return domain_name(self, "mail_from", f"{mail_from}.{self.domain}")

    def _check_dmarc(self, dmarc: Dmarc) -> None:
        if self.mail_from_domain is None:
            return
        if dmarc.spf_alignment == "strict":
            rule = f"can not be strict with the MAIL FROM domain {self.mail_from_domain}: SPF would never align"
            fail(self, "dmarc.spf_alignment", rule, dmarc.spf_alignment)
        if self.mail_from_domain in dmarc.report_domains():
            rule = "must not be at the MAIL FROM domain, whose mail goes to SES and is swallowed there"
            fail(self, "dmarc report addresses", rule, [*dmarc.aggregate_reports, *dmarc.failure_reports])

    def _records(self, dkim: Dkim, dmarc: Dmarc | None) -> list[DnsRecord]:
        records = list(dkim.records(self.identity, self.domain))
        if self.mail_from_domain is not None:
            records += mail_from_records(self.mail_from_domain, _region())
        if dmarc is not None:
            name, text = f"_dmarc.{self.domain}", dmarc.text()
            records.append(DnsRecord(name, "TXT", (text,), "DMARC: what receivers do with forgeries", _DMARC_TTL))
        return records


@cache
def _region() -> str:
    # The pseudo parameter AWS::Region, a token that holds in every stack.
    return Aws.REGION
