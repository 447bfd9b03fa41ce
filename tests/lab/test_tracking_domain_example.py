"""The example of a tracking domain, deployed by the real CDK CLI."""

from pathlib import Path

import pytest

from ses_constructs.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "tracking_domain"
STACK = "TrackingDomainExample"
ZONE = "tracking.example"

pytestmark = pytest.mark.lab


def test_the_domain_leads_to_the_tracking_servers_of_the_region_with_its_own_name_and_the_set_uses_it(
    ses_lab: Lab,
) -> None:
    zone_id = ses_lab.create_hosted_zone(ZONE)
    context = {"hosted_zone_id": zone_id, "hosted_zone_name": ZONE}
    outputs = ses_lab.deploy(EXAMPLE, context=context)[STACK]
    session = ses_lab.session()

    distribution = session.client("cloudfront").get_distribution(Id=outputs["DistributionId"])["Distribution"]
    config = distribution["DistributionConfig"]
    (origin,) = config["Origins"]["Items"]
    assert origin["DomainName"] == "r.us-east-1.awstrack.me"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert config["Aliases"]["Items"] == [outputs["TrackingDomainName"]]
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"

    record_sets = session.client("route53").list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    records = {it["Name"].rstrip("."): it for it in record_sets if it["Type"] == "CNAME"}
    (target,) = records[outputs["TrackingDomainName"]]["ResourceRecords"]
    assert target["Value"] == distribution["DomainName"]

    found = session.client("sesv2").get_configuration_set(ConfigurationSetName=outputs["NewsName"])
    assert found["TrackingOptions"] == {"CustomRedirectDomain": outputs["TrackingDomainName"], "HttpsPolicy": "REQUIRE"}

    ses_lab.destroy(EXAMPLE, context=context)
    left = session.client("route53").list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    assert {it["Type"] for it in left} <= {"NS", "SOA"}
