from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ses as ses

from ses_constructs import Dns, DomainIdentity, SendingConfigurationSet, TrackingDomain
from tests.constructs.support import Synthesised, hosted_zone, synthesise, text

CERTIFICATE_ARN = "arn:aws:acm:us-east-1:123456789012:certificate/0123abcd"


def tracking_domain(stack: cdk.Stack, dns: Dns | None = None, **options: Any) -> TrackingDomain:
    options = {"domain": "click.example.com", **options}
    return TrackingDomain(stack, "Tracking", dns=dns if dns is not None else Dns.route53(hosted_zone(stack)), **options)


def certificate(stack: cdk.Stack, arn: str = CERTIFICATE_ARN) -> acm.ICertificate:
    return acm.Certificate.from_certificate_arn(stack, "Certificate", arn)


@pytest.fixture(scope="module")
def tracked() -> Synthesised:
    return synthesise(lambda stack: tracking_domain(stack))


def test_requests_go_over_https_to_the_tracking_servers_of_the_stacks_region(tracked: Synthesised) -> None:
    config = tracked.properties("AWS::CloudFront::Distribution")["DistributionConfig"]
    (origin,) = config["Origins"]
    assert text(origin["DomainName"]) == "r.${AWS::Region}.awstrack.me"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"


def test_ses_sees_every_request_with_the_domain_that_was_asked_for(tracked: Synthesised) -> None:
    config = tracked.properties("AWS::CloudFront::Distribution")["DistributionConfig"]
    assert config["Aliases"] == ["click.example.com"]
    behavior = config["DefaultCacheBehavior"]
    # Managed policies by their ids, the same in every account: CachingDisabled, and AllViewer, which passes Host on.
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behavior["OriginRequestPolicyId"] == "216adef6-5c7f-47e4-b989-5492eafa07d3"


def test_the_certificate_is_for_the_domain_and_proves_itself_in_its_zone(tracked: Synthesised) -> None:
    made = tracked.properties("AWS::CertificateManager::Certificate")
    assert made["DomainName"] == "click.example.com"
    assert made["DomainValidationOptions"] == [
        {"DomainName": "click.example.com", "HostedZoneId": "Z0123456789EXAMPLE"}
    ]


def test_the_domain_leads_to_the_distribution(tracked: Synthesised) -> None:
    (distribution,) = tracked.resources("AWS::CloudFront::Distribution")
    (record,) = tracked.properties("AWS::Route53::RecordSetGroup")["RecordSets"]
    assert (record["Type"], record["Name"]) == ("CNAME", "click.example.com")
    assert text(record["ResourceRecords"][0]) == f"${{{distribution}.DomainName}}"


def test_links_in_mail_that_was_sent_outlive_the_stack_unless_told_otherwise(tracked: Synthesised) -> None:
    kinds = ["AWS::CloudFront::Distribution", "AWS::CertificateManager::Certificate", "AWS::Route53::RecordSetGroup"]
    assert [tracked.only(kind)["DeletionPolicy"] for kind in kinds] == ["RetainExceptOnCreate"] * 3
    other = synthesise(lambda stack: tracking_domain(stack, removal_policy=cdk.RemovalPolicy.DESTROY))
    assert [other.only(kind)["DeletionPolicy"] for kind in kinds] == ["Delete"] * 3


def test_a_stack_elsewhere_serves_with_a_certificate_of_ones_own_which_it_never_deletes() -> None:
    def define(stack: cdk.Stack) -> None:
        made = tracking_domain(stack, Dns.manual(), certificate=certificate(stack), region="eu-west-1")
        assert made.domain == "click.example.com"

    synthesised = synthesise(define)
    config = synthesised.properties("AWS::CloudFront::Distribution")["DistributionConfig"]
    assert config["Origins"][0]["DomainName"] == "r.eu-west-1.awstrack.me"
    assert config["ViewerCertificate"]["AcmCertificateArn"] == CERTIFICATE_ARN
    (zone_file,) = [text(it["Value"]) for name, it in synthesised.template["Outputs"].items() if "ZoneFile" in name]
    assert zone_file.startswith("click.example.com. 1800 IN CNAME ${")


@pytest.mark.parametrize(
    ("region", "options", "rule"),
    [
        ("eu-west-1", {}, "must be given, one of us-east-1, for CloudFront takes none .*got 'None in eu-west-1'"),
        (
            "us-east-1",
            {"dns": Dns.manual()},
            "must be given, for ACM proves a domain by itself only in a Route 53 zone",
        ),
    ],
)
def test_a_certificate_that_can_not_be_made_must_be_given(region: str, options: dict[str, Any], rule: str) -> None:
    stack = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(region=region))
    with pytest.raises(ValueError, match=f"Mail/Tracking: certificate {rule}"):
        tracking_domain(stack, **options)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"domain": "example.com"}, "domain must lie below the domain of its zone"),
        ({"domain": "EXAMPLE.com"}, "domain must lie below the domain of its zone"),
        ({"domain": "click_me.example.com"}, "domain must consist of labels"),
        ({"domain": None}, "domain must be a domain name"),
        ({"domain": "click.example.org"}, r"dns must be the hosted zone of click\.example\.org"),
        ({"region": "Ireland"}, "region must be the name of a region"),
        ({"region": ""}, "region must be the name of a region"),
    ],
)
def test_values_that_can_not_work_are_refused(stack: cdk.Stack, options: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=f"Mail/Tracking: {rule}"):
        tracking_domain(stack, **options)


@pytest.mark.parametrize(
    "region", ["eu-west-1", "ap-southeast-2", "us-gov-west-1", pytest.param(cdk.Aws.REGION, id="token")]
)
def test_regions_are_taken_by_their_names(region: str) -> None:
    tracking_domain(cdk.Stack(), region=region)


def test_a_configuration_set_waits_until_ses_has_verified_the_domain_and_it_answers_over_https() -> None:
    def define(stack: cdk.Stack) -> None:
        dns = Dns.route53(hosted_zone(stack))
        identity = DomainIdentity(stack, "Identity", domain="example.com", dns=dns)
        SendingConfigurationSet(stack, "News", tracking_domain=tracking_domain(stack, dns, identity=identity))

    made = synthesise(define)
    (verified,) = made.resources("Custom::SesVerification")
    (distribution,) = made.resources("AWS::CloudFront::Distribution")
    news = made.only("AWS::SES::ConfigurationSet")
    assert {verified, distribution} <= set(news["DependsOn"])
    assert news["Properties"]["TrackingOptions"] == {
        "CustomRedirectDomain": "click.example.com",
        "HttpsPolicy": "REQUIRE",
    }


def test_a_domain_that_is_verified_already_is_not_waited_for_and_the_policy_may_be_another() -> None:
    policy = ses.HttpsPolicy.REQUIRE_OPEN_ONLY
    made = synthesise(
        lambda stack: SendingConfigurationSet(
            stack, "News", tracking_domain=tracking_domain(stack), tracking_https_policy=policy
        )
    )
    assert "Custom::SesVerification" not in {it["Type"] for it in made.template["Resources"].values()}
    options = made.properties("AWS::SES::ConfigurationSet")["TrackingOptions"]
    assert options["HttpsPolicy"] == "REQUIRE_OPEN_ONLY"


def test_sets_of_another_region_wait_for_the_stack_with_the_domain() -> None:
    app = cdk.App()
    account = "111122223333"
    mail = cdk.Stack(app, "Mail", env=cdk.Environment(account=account, region="eu-west-1"))
    front = cdk.Stack(app, "Front", env=cdk.Environment(account=account, region="us-east-1"))
    identity = DomainIdentity(mail, "Identity", domain="example.com", dns=Dns.route53(hosted_zone(mail)))
    made = tracking_domain(front, Dns.route53(hosted_zone(front)), identity=identity, region="eu-west-1")
    SendingConfigurationSet(mail, "News", tracking_domain=made)
    app.synth()
    assert [it.node.id for it in mail.dependencies] == ["Front"]


def test_an_identity_of_another_domain_is_refused(stack: cdk.Stack) -> None:
    other = DomainIdentity(stack, "Other", domain="example.org", dns=Dns.manual())
    with pytest.raises(ValueError, match=r"identity must be that of click.example.com or of a domain above, got"):
        tracking_domain(stack, identity=other)
