"""A domain that may send: AWS::SES::EmailIdentity and every DNS record that it needs.

See https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

from aws_cdk import Aws, RemovalPolicy

from ses_constructs._kit.checks import domain_name, fail, is_token, is_within
from ses_constructs._kit.records import DnsRecord, LateRecords, dmarc_record, mail_from_records
from ses_constructs.identity.dkim import DKIM_ATTRIBUTES, DeterministicDkim, Dkim
from ses_constructs.identity.dmarc import Dmarc
from ses_constructs.identity.dns import check_dns
from ses_constructs.identity.report_authorisation import warn_unless_authorised
from ses_constructs.identity.sending_identity import SendingIdentity
from ses_constructs.identity.spf import Spf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_ses as ses
    from constructs import Construct

    from ses_constructs.identity.dns import Dns


class DomainIdentity(SendingIdentity):
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
        mail_from_required: bool = False,
        dmarc: Dmarc | None = Dmarc(),  # noqa: B008 - a frozen value, and the default that readers should see
        spf: Spf | None = None,
        configuration_set: ses.IConfigurationSet | None = None,
        feedback_forwarding: bool = False,
        existing: Literal["fail", "adopt"] = "fail",
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param domain: such as ``example.com`` or ``mail.example.com``; at most 253 characters.

        :param dns: where the records go, for example ``Dns.route53(zone)``; the zone may be a parent of the domain.
        :param dkim: how mail is signed. Default: ``Dkim.easy()``, 2048 bits.
        :param mail_from: label below the domain that receives bounces and carries the SPF record, so that SPF aligns
            with the From domain. Never send from it or receive at it. None: amazonses.com, which never aligns, or what
            an adopted identity has.
        :param mail_from_required: whether SES refuses to send while it does not find the MX of that domain
            (``BehaviorOnMxFailure``). Default: it sends with amazonses.com meanwhile, which does not align.
        :param dmarc: the DMARC record. Default: policy ``none``. None: no record is made, for a domain that has one.
        :param spf: what to add to the SPF record of the domain itself, ``Spf.include_ses()``. Default: nothing, for SES
            does not need it: SPF is checked on the MAIL FROM domain.
        :param configuration_set: used for mail from this domain that names no set itself.
        :param feedback_forwarding: whether SES also mails bounces and complaints to the sender. SES does so in any
            case while nothing else receives them.
        :param existing: what to do if the account has this identity already, made by hand or by another tool. ``fail``
            stops the deployment. ``adopt`` takes the identity over or makes it: sets what is declared here and leaves
            the rest, does not touch DKIM unless *dkim* is given, and leaves the identity behind, as it is then, when
            it leaves the stack. The same goes for records in Route 53: those that are there and say the same are taken
            over and left behind; any other stops the deployment, which names it. Changing this on a deployed identity
            makes another resource of the same name: deploy the change with *removal_policy* at its default, so that
            the identity outlives it.
        :param removal_policy: what becomes of the identity and its records when they leave the stack. Default: kept,
            for mail stops without them, except when their first deployment is rolled back. To deploy the same domain
            again later, see docs/redeploy.md: with *existing* at its default what was kept is in the way.
        :raises ValueError: for a malformed domain or label, a zone that is not the domain's, a DMARC record that can
            never pass or whose reports SES would swallow, or a key of your own for an identity to adopt.
        """
        super().__init__(
            scope,
            id,
            configuration_set=configuration_set,
            feedback_forwarding=feedback_forwarding,
            removal_policy=removal_policy,
        )
        self.domain = self._name = domain_name(self, "domain", domain)
        self._check_types(dns, dkim, dmarc, spf)
        self.mail_from_domain = self._mail_from_domain(mail_from)
        if mail_from_required and self.mail_from_domain is None:
            fail(self, "mail_from_required", "needs a MAIL FROM domain", mail_from_required)
        if dmarc is not None:
            self._check_dmarc(dmarc)
            warn_unless_authorised(self, self.domain, dmarc.report_domains())

        if existing not in ("fail", "adopt"):
            fail(self, "existing", "must be 'fail' or 'adopt'", existing)
        signing = dkim if dkim is not None else Dkim.easy()
        mail_from_settings = self._mail_from_settings(mail_from_required)
        others = self._other_records(dmarc)
        self.records: Sequence[DnsRecord]
        """Every record that the domain needs."""
        if existing == "adopt" or isinstance(signing, DeterministicDkim):
            from ses_constructs.identity.adoption import IdentityResource

            custom = IdentityResource(
                self,
                "Custom",
                domain=self.domain,
                dkim=dkim,
                mail_from=mail_from_settings,
                configuration_set=configuration_set,
                feedback_forwarding=feedback_forwarding,
                existing=existing,
                removal_policy=removal_policy,
            )
            self._resource = custom.cfn_resource
            self.records = (*signing.records(custom.dkim_tokens, self.domain), *others)
        else:
            resource = self._define(removal_policy, dkim_signing=signing.signing(), mail_from=mail_from_settings)
            self._resource = resource

            def read() -> Sequence[DnsRecord]:
                return (*signing.records(lambda: _dkim_tokens(resource), self.domain), *others)

            # The logical id is itself a token, so it may still be overridden.
            dkim_record_sets = signing.record_sets(resource.logical_id, self.domain)
            self.records = LateRecords(read, [*dkim_record_sets, *(record.record_set() for record in others)])

        publisher = dns.adopting() if existing == "adopt" else dns
        publisher.publish(self, domain=self.domain, records=self.records, removal_policy=removal_policy)
        if spf is not None:
            publisher.merge_spf(self, domain=self.domain, spf=spf, removal_policy=removal_policy)

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

    def _check_types(self, dns: object, dkim: object, dmarc: object, spf: object) -> None:
        check_dns(self, dns)
        for name, value, expected, like in (
            ("dkim", dkim, Dkim, "Dkim.easy()"),
            ("dmarc", dmarc, Dmarc, 'Dmarc(policy="none")'),
            ("spf", spf, Spf, "Spf.include_ses()"),
        ):
            if value is not None and not isinstance(value, expected):
                fail(self, name, f"must be a {expected.__name__}, such as {like}, or None", value)

    def _mail_from_settings(self, required: bool) -> dict[str, str] | None:
        if self.mail_from_domain is None:
            return None
        settings = {"mailFromDomain": self.mail_from_domain}
        if required:
            settings["behaviorOnMxFailure"] = "REJECT_MESSAGE"
        return settings

    def _other_records(self, dmarc: Dmarc | None) -> list[DnsRecord]:
        records: list[DnsRecord] = []
        if self.mail_from_domain is not None:
            records += mail_from_records(self.mail_from_domain, _region())
        if dmarc is not None:
            records.append(dmarc_record(self.domain, dmarc.text()))
        return records


def _dkim_tokens(identity: ses.CfnEmailIdentity) -> list[tuple[str, str]]:
    pairs = [[identity.get_att(attribute).to_string() for attribute in pair] for pair in DKIM_ATTRIBUTES]
    return [(name, target) for name, target in pairs]


@cache
def _region() -> str:
    # The pseudo parameter AWS::Region, a token that holds in every stack.
    return Aws.REGION
