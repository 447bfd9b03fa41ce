"""Waiting until an identity is verified, and what is said when it is not."""

import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from custom_resources.verification import Verifications
from ses_common.lifecycle import Refused
from ses_constructs.lab import Lab, LabError
from tests.lab.requests import Json, request, use

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def dns_lab() -> Iterator[Lab]:
    with Lab(verify_identities="dns") as lab:
        yield lab


class TestVerification:
    kind = Verifications()

    @pytest.fixture
    def v2(self, dns_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Any:
        return use(dns_lab, monkeypatch)

    @pytest.fixture
    def domain(self, v2: Any) -> str:
        domain = f"d{uuid.uuid4().hex[:8]}.example.com"
        v2.create_email_identity(EmailIdentity=domain)
        return domain

    def publish(self, lab: Lab, domain: str, records: dict[tuple[str, str], str]) -> None:
        changes = []
        for (record_type, name), value in records.items():
            record_set = {"Name": name, "Type": record_type, "TTL": 60, "ResourceRecords": [{"Value": value}]}
            changes.append({"Action": "UPSERT", "ResourceRecordSet": record_set})
        lab.session().client("route53").change_resource_record_sets(
            HostedZoneId=lab.create_hosted_zone(domain), ChangeBatch={"Changes": changes}
        )

    def dkim_records(self, v2: Any, domain: str) -> dict[tuple[str, str], str]:
        tokens = v2.get_email_identity(EmailIdentity=domain)["DkimAttributes"]["Tokens"]
        return {("CNAME", f"{token}._domainkey.{domain}"): f"{token}.dkim.amazonses.com" for token in tokens}

    def wait(self, domain: str, timeout: int = 0) -> str:
        return self.kind.create(request({"Identity": domain, "TimeoutSeconds": str(timeout)})).physical_id

    def test_it_ends_as_soon_as_the_records_are_there(self, dns_lab: Lab, v2: Any, domain: str) -> None:
        self.publish(dns_lab, domain, self.dkim_records(v2, domain))
        assert self.wait(domain) == domain

    def test_without_records_it_names_those_that_are_missing(self, v2: Any, domain: str) -> None:
        v2.put_email_identity_mail_from_attributes(EmailIdentity=domain, MailFromDomain=f"bounce.{domain}")
        with pytest.raises(Refused, match=f"{domain} is not verified after 0 s: there is no record of such") as refused:
            self.wait(domain)
        for (record_type, name), value in self.dkim_records(v2, domain).items():
            assert f"{record_type} {name} {value}" in str(refused.value)
        mail_from = f"MAIL FROM is PENDING and needs MX bounce.{domain} 10 feedback-smtp.us-east-1.amazonses.com"
        assert mail_from in str(refused.value)

    @pytest.mark.parametrize(
        ("record_type", "value", "seen"),
        [("CNAME", "elsewhere.example.net", "INVALID_VALUE"), ("TXT", '"v=DKIM1"', "TYPE_NOT_FOUND")],
    )
    def test_a_wrong_record_is_told_from_a_missing_one(
        self, dns_lab: Lab, v2: Any, domain: str, record_type: str, value: str, seen: str
    ) -> None:
        names = [name for _, name in self.dkim_records(v2, domain)]
        self.publish(dns_lab, domain, {(record_type, name): value for name in names})
        with pytest.raises(Refused, match=seen):
            self.wait(domain)

    def test_an_identity_that_is_not_there_is_no_reason_to_wait(self, v2: Any) -> None:
        with pytest.raises(Refused, match=r"there is no identity nowhere\.example"):
            self.wait("nowhere.example", timeout=600)

    def test_an_unverified_domain_cannot_send_and_a_verified_one_can(self, dns_lab: Lab, v2: Any, domain: str) -> None:
        message: Json = {
            "FromEmailAddress": f"hello@{domain}",
            "Destination": {"ToAddresses": ["somebody@example.net"]},
            "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
        }
        with pytest.raises(ClientError, match="is not verified"):
            v2.send_email(**message)
        self.publish(dns_lab, domain, self.dkim_records(v2, domain))
        assert v2.send_email(**message)["MessageId"]

    def test_another_way_of_verifying_is_refused(self) -> None:
        with pytest.raises(LabError, match="verify_identities must be 'at-once' or 'dns', got 'never'"):
            Lab(verify_identities=cast(Any, "never"))
