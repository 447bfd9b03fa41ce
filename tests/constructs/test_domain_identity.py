from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from constructs import Construct

from ses_constructs import (
    Bimi,
    Dkim,
    Dmarc,
    DmarcReportAuthorisation,
    Dns,
    DnsRecord,
    DomainIdentity,
    MtaSts,
    SendingConfigurationSet,
    Spf,
    TlsRpt,
)
from tests.constructs.support import RSA_2048_PEM, Synthesised, hosted_zone, synthesise, text


@pytest.fixture(scope="module")
def subdomain() -> Synthesised:
    """mail.example.com in the zone of example.com."""

    def define(stack: cdk.Stack) -> None:
        DomainIdentity(stack, "Identity", domain="Mail.Example.com", dns=Dns.route53(hosted_zone(stack)))

    return synthesise(define)


def records(synthesised: Synthesised) -> dict[tuple[str, str], list[str]]:
    sets = synthesised.properties("AWS::Route53::RecordSetGroup")["RecordSets"]
    return {(it["Type"], text(it["Name"])): [text(value) for value in it["ResourceRecords"]] for it in sets}


def test_dkim_records_take_name_and_target_from_ses_and_nothing_is_appended(subdomain: Synthesised) -> None:
    (identity,) = subdomain.resources("AWS::SES::EmailIdentity")
    for number in (1, 2, 3):
        name = f"${{{identity}.DkimDNSTokenName{number}}}"
        assert records(subdomain)["CNAME", name] == [f"${{{identity}.DkimDNSTokenValue{number}}}"]


def test_mail_from_has_exactly_one_mx_in_the_stacks_region_and_its_spf(subdomain: Synthesised) -> None:
    assert records(subdomain)["MX", "bounce.mail.example.com"] == ["10 feedback-smtp.${AWS::Region}.amazonses.com"]
    assert records(subdomain)["TXT", "bounce.mail.example.com"] == ['"v=spf1 include:amazonses.com ~all"']
    identity = subdomain.properties("AWS::SES::EmailIdentity")
    assert identity["MailFromAttributes"]["MailFromDomain"] == "bounce.mail.example.com"


def test_dmarc_is_published_and_starts_with_a_policy_that_stops_no_mail(subdomain: Synthesised) -> None:
    assert records(subdomain)["TXT", "_dmarc.mail.example.com"] == ['"v=DMARC1; p=none"']


def test_all_records_are_one_atomic_change(subdomain: Synthesised) -> None:
    assert len(records(subdomain)) == 6
    assert not any(it["Type"] == "AWS::Route53::RecordSet" for it in subdomain.template["Resources"].values())


def test_the_domain_is_signed_with_2048_bits_and_written_in_lower_case(subdomain: Synthesised) -> None:
    identity = subdomain.properties("AWS::SES::EmailIdentity")
    assert identity["EmailIdentity"] == "mail.example.com"
    assert identity["DkimSigningAttributes"] == {"NextSigningKeyLength": "RSA_2048_BIT"}


@pytest.mark.parametrize("resource_type", ["AWS::SES::EmailIdentity", "AWS::Route53::RecordSetGroup"])
def test_identity_and_records_outlive_the_stack_but_not_a_failed_first_deployment(
    subdomain: Synthesised, resource_type: str
) -> None:
    assert subdomain.only(resource_type)["DeletionPolicy"] == "RetainExceptOnCreate"


def test_options_change_what_they_say() -> None:
    def define(stack: cdk.Stack) -> None:
        DomainIdentity(
            stack,
            "Identity",
            domain="example.com",
            dns=Dns.route53(hosted_zone(stack)),
            dkim=Dkim.easy(1024),
            mail_from=None,
            dmarc=None,
            configuration_set=SendingConfigurationSet(stack, "Set", configuration_set_name="news"),
            feedback_forwarding=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    synthesised = synthesise(define)
    identity = synthesised.properties("AWS::SES::EmailIdentity")
    assert identity["DkimSigningAttributes"] == {"NextSigningKeyLength": "RSA_1024_BIT"}
    assert "MailFromDomain" not in identity.get("MailFromAttributes", {})
    assert text(identity["ConfigurationSetAttributes"]["ConfigurationSetName"]).startswith("${Set")
    assert identity["FeedbackAttributes"] == {"EmailForwardingEnabled": True}
    assert {record_type for record_type, _ in records(synthesised)} == {"CNAME"}
    assert synthesised.only("AWS::Route53::RecordSetGroup")["DeletionPolicy"] == "Delete"


def test_records_are_readable_for_programs_and_people(stack: cdk.Stack, zone: route53.IHostedZone) -> None:
    identity = DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.route53(zone))
    assert [record.type for record in identity.records] == ["CNAME", "CNAME", "CNAME", "MX", "TXT", "TXT"]
    assert all(record.purpose for record in identity.records)


def test_domains_zones_and_labels_known_only_at_deployment_are_let_through() -> None:
    def define(stack: cdk.Stack) -> None:
        parameters = {name: cdk.CfnParameter(stack, name).value_as_string for name in ("Domain", "ZoneId", "ZoneName")}
        zone = route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id=parameters["ZoneId"], zone_name=parameters["ZoneName"]
        )
        DomainIdentity(stack, "Identity", domain=parameters["Domain"], dns=Dns.route53(zone))

    synthesised = synthesise(define)
    assert ("MX", "bounce.${Domain}") in records(synthesised)
    assert synthesised.properties("AWS::SES::EmailIdentity")["EmailIdentity"] == {"Ref": "Domain"}


@pytest.mark.parametrize(
    ("domain", "rule"),
    [
        ("", "at least two labels"),
        ("localhost", "at least two labels"),
        ("example.com.", "without the final dot"),
        ("exa mple.com", "letters, digits"),
        ("-bad.example.com", "letters, digits"),
        ("a..example.com", "letters, digits"),
        (f"{'a' * 64}.example.com", "1 to 63"),
        (f"{'a.' * 126}example.com", "at most 253"),
        ("bücher.example", "punycode"),
        ("someone@example.com", "letters, digits"),
        ("192.0.2.1", "end in a number"),
        (None, "domain name"),
        (["example.com"], "domain name"),
    ],
)
def test_a_malformed_domain_is_refused_with_place_rule_and_value(
    stack: cdk.Stack, zone: route53.IHostedZone, domain: Any, rule: str
) -> None:
    with pytest.raises(ValueError, match=rule) as refused:
        DomainIdentity(stack, "Identity", domain=domain, dns=Dns.route53(zone))
    assert "Mail/Identity: domain " in str(refused.value)
    assert repr(domain) in str(refused.value)


def test_sending_waits_for_the_mail_from_domain_where_that_is_asked_for(
    stack: cdk.Stack, zone: route53.IHostedZone
) -> None:
    def define(stack: cdk.Stack) -> None:
        DomainIdentity(
            stack, "Identity", domain="example.com", dns=Dns.route53(hosted_zone(stack)), mail_from_required=True
        )

    assert synthesise(define).properties("AWS::SES::EmailIdentity")["MailFromAttributes"] == {
        "MailFromDomain": "bounce.example.com",
        "BehaviorOnMxFailure": "REJECT_MESSAGE",
    }
    with pytest.raises(ValueError, match="Mail/Identity: mail_from_required needs a MAIL FROM domain"):
        DomainIdentity(
            stack, "Identity", domain="example.com", dns=Dns.route53(zone), mail_from=None, mail_from_required=True
        )


@pytest.mark.parametrize(
    ("parameter", "value", "rule"),
    [
        ("dkim", "easy", r"dkim must be a Dkim, such as Dkim\.easy\(\), or None, got 'easy'"),
        ("dmarc", "v=DMARC1; p=none", "dmarc must be a Dmarc, such as .* got 'v=DMARC1; p=none'"),
        ("spf", "v=spf1 include:amazonses.com ~all", r"spf must be a Spf, such as Spf\.include_ses\(\)"),
        ("removal_policy", cdk.RemovalPolicy.SNAPSHOT, "removal_policy must be to retain or to destroy"),
    ],
)
def test_what_is_no_value_of_the_library_is_refused(
    stack: cdk.Stack, zone: route53.IHostedZone, parameter: str, value: Any, rule: str
) -> None:
    arguments: dict[str, Any] = {parameter: value}
    with pytest.raises(ValueError, match=f"Mail/Identity: {rule}"):
        DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.route53(zone), **arguments)


def test_a_zone_where_a_publisher_belongs_is_refused(stack: cdk.Stack, zone: route53.IHostedZone) -> None:
    with pytest.raises(ValueError, match=r"Mail/Identity: dns must be a Dns, such as Dns\.route53\(zone\), got"):
        DomainIdentity(stack, "Identity", domain="example.com", dns=zone)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    ("construct", "arguments"),
    [
        (Bimi, {"domain": "example.com", "logo": None}),
        (TlsRpt, {"domain": "example.com", "reports": ["tls@example.com"]}),
        (MtaSts, {"domain": "example.com", "mx": ["mx.example.com"]}),
        (DmarcReportAuthorisation, {"policy_domains": ["*"], "report_domain": "example.com"}),
    ],
)
def test_so_it_is_by_everything_that_publishes(
    stack: cdk.Stack, zone: route53.IHostedZone, construct: Any, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="Mail/It: dns must be a Dns"):
        construct(stack, "It", dns=zone, **arguments)


def test_a_zone_that_only_its_own_network_sees_is_refused(stack: cdk.Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["eu-west-1a"])
    for private in (
        route53.PrivateHostedZone(stack, "Private", zone_name="example.com", vpc=vpc),
        route53.HostedZone(stack, "WithVpc", zone_name="example.com", vpcs=[vpc]),
    ):
        with pytest.raises(ValueError, match=r"Dns\.route53: zone must be public; nobody outside of its VPC"):
            Dns.route53(private)


def test_a_zone_without_its_name_is_refused(stack: cdk.Stack) -> None:
    for nameless in (
        route53.PrivateHostedZone.from_private_hosted_zone_id(stack, "Private", "Z1"),
        route53.HostedZone.from_hosted_zone_id(stack, "Nameless", "Z1"),
    ):
        with pytest.raises(ValueError, match=r"Dns\.route53: zone must be a public hosted zone with its name"):
            Dns.route53(nameless)
    with pytest.raises(ValueError, match=r"Dns\.route53: zone must be a hosted zone, got 'example.com'"):
        Dns.route53("example.com")  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("domain", ["example.org", "notexample.com", "com"])
def test_a_zone_that_is_not_the_domains_is_refused(stack: cdk.Stack, zone: route53.IHostedZone, domain: str) -> None:
    with pytest.raises(ValueError, match=r"Mail/Identity: d(ns|omain) must .*got '(example\.com|com)'"):
        DomainIdentity(stack, "Identity", domain=domain, dns=Dns.route53(zone))


@pytest.mark.parametrize("mail_from", ["bounce.example.com", "", "-", "a b", 5, "example.com"])
def test_a_malformed_mail_from_label_is_refused(stack: cdk.Stack, zone: route53.IHostedZone, mail_from: Any) -> None:
    with pytest.raises(ValueError, match="Mail/Identity: mail_from must"):
        DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.route53(zone), mail_from=mail_from)


def test_strict_spf_alignment_is_refused_where_it_can_never_pass(stack: cdk.Stack, zone: route53.IHostedZone) -> None:
    dmarc = Dmarc(spf_alignment="strict")
    with pytest.raises(ValueError, match="SPF would never align"):
        DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.route53(zone), dmarc=dmarc)
    DomainIdentity(stack, "NoMailFrom", domain="example.com", dns=Dns.route53(zone), dmarc=dmarc, mail_from=None)


def test_reports_to_the_mail_from_domain_are_refused_because_ses_swallows_them(
    stack: cdk.Stack, zone: route53.IHostedZone
) -> None:
    dmarc = Dmarc(aggregate_reports=["dmarc@Bounce.example.com"])
    with pytest.raises(ValueError, match="swallowed"):
        DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.route53(zone), dmarc=dmarc)


def test_grant_send_covers_raw_and_simple_mail_on_identity_and_configuration_sets() -> None:
    def define(stack: cdk.Stack) -> None:
        identity = DomainIdentity(
            stack,
            "Identity",
            domain="example.com",
            dns=Dns.route53(hosted_zone(stack)),
            configuration_set=SendingConfigurationSet(stack, "Default", configuration_set_name="default"),
        )
        other = SendingConfigurationSet(stack, "Other", configuration_set_name="other")
        identity.grant_send(iam.User(stack, "Sender"), from_addresses=["news@example.com"], configuration_sets=[other])

    (statement,) = synthesise(define).properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    assert sorted(statement["Action"]) == ["ses:SendEmail", "ses:SendRawEmail"]
    assert statement["Condition"] == {"StringLike": {"ses:FromAddress": ["news@example.com"]}}
    resources = [text(resource) for resource in statement["Resource"]]
    assert [resource.rpartition(":")[2].partition("/")[0] for resource in resources].count("identity") == 1
    assert len([resource for resource in resources if ":configuration-set/" in resource]) == 2
    assert all("*" not in resource for resource in resources)


@pytest.mark.parametrize("from_addresses", ["news@example.com", []])
def test_grant_send_refuses_from_addresses_that_are_no_list(
    stack: cdk.Stack, zone: route53.IHostedZone, from_addresses: Any
) -> None:
    identity = DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.route53(zone))
    with pytest.raises(ValueError, match="Mail/Identity: from_addresses must"):
        identity.grant_send(iam.User(stack, "Sender"), from_addresses=from_addresses)


def test_a_publisher_of_ones_own_gets_every_record(stack: cdk.Stack) -> None:
    class Collected(Dns):
        def publish(self, scope: Construct, *, domain: str, records: Any, removal_policy: cdk.RemovalPolicy) -> None:
            self.seen = (scope.node.path, domain, list(records), removal_policy)

    dns = Collected()
    identity = DomainIdentity(stack, "Identity", domain="example.com", dns=dns)
    path, domain, published, removal_policy = dns.seen
    assert (path, domain) == ("Mail/Identity", "example.com")
    assert published == list(identity.records)
    assert isinstance(published[0], DnsRecord)
    assert removal_policy == cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE


def test_ones_own_dkim_key_is_one_txt_value_and_the_private_key_stays_a_reference() -> None:
    public_key = "".join(RSA_2048_PEM.split("-----")[2].split())

    def define(stack: cdk.Stack) -> None:
        dkim = Dkim.byo(
            selector="k2026", public_key=RSA_2048_PEM, private_key=cdk.SecretValue.secrets_manager("dkim-key")
        )
        DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.route53(hosted_zone(stack)), dkim=dkim)

    synthesised = synthesise(define)
    (value,) = records(synthesised)["TXT", "k2026._domainkey.example.com"]
    strings = value[1:-1].split('" "')
    assert "".join(strings) == f"v=DKIM1; k=rsa; p={public_key}"
    assert all(len(string) <= 255 for string in strings)
    signing = synthesised.properties("AWS::SES::EmailIdentity")["DkimSigningAttributes"]
    assert signing["DomainSigningSelector"] == "k2026"
    assert signing["DomainSigningPrivateKey"].startswith("{{resolve:secretsmanager:dkim-key")


def test_by_hand_every_record_is_an_output_and_all_together_are_lines_of_a_zone_file() -> None:
    synthesised = synthesise(
        lambda stack: DomainIdentity(stack, "Identity", domain="mail.example.com", dns=Dns.manual())
    )
    assert not any(it["Type"].startswith("AWS::Route53") for it in synthesised.template["Resources"].values())
    outputs = synthesised.template["Outputs"]
    by_record = [text(it["Value"]) for name, it in outputs.items() if "Record" in name]
    assert 'bounce.mail.example.com TXT "v=spf1 include:amazonses.com ~all"' in by_record
    (zone_file,) = [text(it["Value"]) for name, it in outputs.items() if "ZoneFile" in name]
    lines = zone_file.splitlines()
    assert len(lines) == len(by_record) == 6
    assert "bounce.mail.example.com. 1800 IN MX 10 feedback-smtp.${AWS::Region}.amazonses.com." in lines
    assert '_dmarc.mail.example.com. 3600 IN TXT "v=DMARC1; p=none"' in lines


def test_an_spf_record_that_is_shared_is_changed_by_a_function_that_may_change_nothing_else() -> None:
    def define(stack: cdk.Stack) -> None:
        DomainIdentity(
            stack,
            "Identity",
            domain="example.com",
            dns=Dns.route53(hosted_zone(stack)),
            spf=Spf.include_ses(also=["include:_spf.google.com"]),
        )

    synthesised = synthesise(define)
    terms = [it["Properties"]["Term"] for it in synthesised.resources("Custom::SesSpfTerm").values()]
    assert terms == ["include:amazonses.com", "include:_spf.google.com"]
    statements = [
        statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "route53:ChangeResourceRecordSets" in statement["Action"]
    ]
    (change,) = statements
    assert text(change["Resource"]) == "arn:${AWS::Partition}:route53:::hostedzone/Z0123456789EXAMPLE"
    assert change["Condition"]["ForAllValues:StringEquals"] == {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["example.com"],
        "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
        "route53:ChangeResourceRecordSetsActions": ["CREATE", "DELETE"],
    }


def test_by_hand_the_spf_terms_are_an_output() -> None:
    def define(stack: cdk.Stack) -> None:
        DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.manual(), spf=Spf.include_ses())

    outputs = synthesise(define).template["Outputs"]
    assert [it["Value"] for name, it in outputs.items() if "Spf" in name] == ["include:amazonses.com"]


def test_a_publisher_that_cannot_merge_says_so(stack: cdk.Stack) -> None:
    class Elsewhere(Dns):
        def publish(self, scope: Construct, *, domain: str, records: Any, removal_policy: cdk.RemovalPolicy) -> None:
            pass

    with pytest.raises(ValueError, match=r"Mail/Identity: spf cannot be merged .* got 'Elsewhere'"):
        DomainIdentity(stack, "Identity", domain="example.com", dns=Elsewhere(), spf=Spf.include_ses())
