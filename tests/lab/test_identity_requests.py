"""What each request of CloudFormation does to identities, and what it does when it comes twice."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_resources import ses
from custom_resources.identities import EmailIdentities
from custom_resources.notifications import IdentityNotifications
from custom_resources.policies import IdentityPolicies
from ses_common.lifecycle import Refused
from tests.lab.requests import Json, request, use
from tests.lab.stage import Stage, allow_ses

pytestmark = pytest.mark.lab


@pytest.fixture
def v2(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Any:
    return use(stage.lab, monkeypatch)


class TestPolicies:
    kind = IdentityPolicies()

    def properties(self, stage: Stage, action: str = "ses:SendEmail", name: str = "partner") -> Json:
        principal = {"AWS": "arn:aws:iam::111122223333:root"}
        statement = {"Effect": "Allow", "Principal": principal, "Action": action}
        statement["Resource"] = stage.source_arn("identity")
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return {"Identity": stage.domain, "PolicyName": name, "Policy": policy}

    def found(self, v2: Any, stage: Stage) -> dict[str, str]:
        policies: dict[str, str] = v2.get_email_identity_policies(EmailIdentity=stage.domain)["Policies"]
        return policies

    def test_a_create_that_comes_twice_makes_one_policy(self, stage: Stage, v2: Any) -> None:
        wanted = self.properties(stage)
        first, second = (self.kind.create(request(wanted)) for _ in range(2))
        assert first == second
        assert self.found(v2, stage) == {"partner": wanted["Policy"]}

    def test_somebody_elses_policy_of_the_same_name_is_refused_and_left(self, stage: Stage, v2: Any) -> None:
        theirs = self.properties(stage, "ses:SendRawEmail")
        v2.create_email_identity_policy(EmailIdentity=stage.domain, PolicyName="partner", Policy=theirs["Policy"])
        with pytest.raises(Refused, match="has a policy named partner already"):
            self.kind.create(request(self.properties(stage)))
        assert self.found(v2, stage) == {"partner": theirs["Policy"]}

    def test_an_update_changes_what_the_policy_says_also_twice(self, stage: Stage, v2: Any) -> None:
        made = self.kind.create(request(self.properties(stage)))
        changed = self.properties(stage, "ses:SendRawEmail")
        for _ in range(2):
            assert self.kind.update(request(changed, physical_id=made.physical_id)) == made
        assert self.found(v2, stage) == {"partner": changed["Policy"]}

    def test_another_name_is_another_policy_and_the_old_one_goes_with_its_own_delete(
        self, stage: Stage, v2: Any
    ) -> None:
        old, new = self.properties(stage), self.properties(stage, name="other")
        made = self.kind.create(request(old))
        replaced = self.kind.update(request(new, physical_id=made.physical_id, old=old))
        assert replaced.physical_id != made.physical_id
        self.kind.delete(request(old, physical_id=made.physical_id))
        assert self.found(v2, stage) == {"other": new["Policy"]}

    def test_an_update_makes_again_what_was_deleted_by_hand(self, stage: Stage, v2: Any) -> None:
        wanted = self.properties(stage)
        made = self.kind.create(request(wanted))
        v2.delete_email_identity_policy(EmailIdentity=stage.domain, PolicyName="partner")
        self.kind.update(request(wanted, physical_id=made.physical_id))
        assert self.found(v2, stage) == {"partner": wanted["Policy"]}

    def test_a_delete_tolerates_that_the_policy_or_the_identity_is_gone(self, stage: Stage, v2: Any) -> None:
        wanted = self.properties(stage)
        made = self.kind.create(request(wanted))
        for _ in range(2):
            self.kind.delete(request(wanted, physical_id=made.physical_id))
        assert self.found(v2, stage) == {}
        v2.delete_email_identity(EmailIdentity=stage.domain)
        self.kind.delete(request(wanted, physical_id=made.physical_id))

    def test_a_policy_that_ses_refuses_fails_with_the_reason(self, stage: Stage, v2: Any) -> None:
        wrong = {**self.properties(stage), "Policy": '{"Version": "2012-10-17", "Statement": [{"Resource": "*"}]}'}
        with pytest.raises(Refused, match=f"refused the policy partner of {stage.domain}: .*resource must be"):
            self.kind.create(request(wrong))


class TestNotifications:
    kind = IdentityNotifications()

    def properties(self, stage: Stage, *types: str, headers: tuple[str, ...] = (), forwarding: bool = False) -> Json:
        topics = dict.fromkeys(types or ("Bounce", "Complaint"), stage.topic_arn)
        flag = "true" if forwarding else "false"
        return {"Identity": stage.domain, "Topics": topics, "Headers": list(headers), "FeedbackForwarding": flag}

    def found(self, stage: Stage) -> Json:
        answer = ses.v1().get_identity_notification_attributes(Identities=[stage.domain])["NotificationAttributes"]
        attributes: Json = answer[stage.domain]
        return attributes

    def another_topic(self, stage: Stage) -> str:
        sns = stage.lab.session().client("sns")
        arn = str(sns.create_topic(Name=f"other-{uuid.uuid4().hex[:8]}")["TopicArn"])
        policy = allow_ses(arn, "sns:Publish", AWS_SourceAccount=stage.lab.account)
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
        return arn

    def test_topics_and_headers_are_set_and_forwarding_ends_also_twice(self, stage: Stage, v2: Any) -> None:
        for _ in range(2):
            made = self.kind.create(request(self.properties(stage, headers=("Bounce",))))
            assert made.physical_id == stage.domain
        found = self.found(stage)
        assert (found["BounceTopic"], found["ComplaintTopic"]) == (stage.topic_arn, stage.topic_arn)
        assert (found["HeadersInBounceNotificationsEnabled"], found["HeadersInComplaintNotificationsEnabled"]) == (
            True,
            False,
        )
        assert found["ForwardingEnabled"] is False

    @pytest.mark.parametrize(("types", "forwarding"), [(("Bounce",), False), (("Bounce", "Complaint"), True)])
    def test_forwarding_goes_on_while_a_topic_is_missing_or_if_it_is_wanted(
        self, stage: Stage, v2: Any, types: tuple[str, ...], forwarding: bool
    ) -> None:
        # As CloudFormation leaves an identity: forwarding is off, before any topic is set.
        v2.put_email_identity_feedback_attributes(EmailIdentity=stage.domain, EmailForwardingEnabled=False)
        self.kind.create(request(self.properties(stage, *types, forwarding=forwarding)))
        assert self.found(stage)["ForwardingEnabled"] is True

    def test_a_changed_topic_is_changed_and_a_dropped_type_is_cleared(self, stage: Stage, v2: Any) -> None:
        old = self.properties(stage, headers=("Complaint",))
        self.kind.create(request(old))
        other = self.another_topic(stage)
        new = {**self.properties(stage, "Bounce"), "Topics": {"Bounce": other}}
        for _ in range(2):
            self.kind.update(request(new, physical_id=stage.domain, old=old))
        found = self.found(stage)
        assert found["BounceTopic"] == other
        assert "ComplaintTopic" not in found
        assert found["HeadersInComplaintNotificationsEnabled"] is False
        assert found["ForwardingEnabled"] is True

    def test_a_delete_puts_everything_back_also_twice(self, stage: Stage, v2: Any) -> None:
        before = self.found(stage)
        wanted = self.properties(stage, "Bounce", "Complaint", "Delivery", headers=("Bounce", "Delivery"))
        self.kind.create(request(wanted))
        for _ in range(2):
            self.kind.delete(request(wanted, physical_id=stage.domain))
        assert self.found(stage) == before

    def test_a_delete_leaves_a_topic_that_somebody_else_has_set_since(self, stage: Stage, v2: Any) -> None:
        wanted = self.properties(stage)
        self.kind.create(request(wanted))
        theirs = self.another_topic(stage)
        ses.v1().set_identity_notification_topic(Identity=stage.domain, NotificationType="Complaint", SnsTopic=theirs)
        self.kind.delete(request(wanted, physical_id=stage.domain))
        found = self.found(stage)
        assert "BounceTopic" not in found
        assert found["ComplaintTopic"] == theirs

    def test_a_topic_that_ses_cannot_publish_to_is_refused_and_nothing_is_left_behind(
        self, stage: Stage, v2: Any
    ) -> None:
        before = self.found(stage)
        closed = stage.lab.session().client("sns").create_topic(Name=f"closed-{uuid.uuid4().hex[:8]}")["TopicArn"]
        wanted = {**self.properties(stage), "Topics": {"Bounce": stage.topic_arn, "Complaint": closed}}
        with pytest.raises(Refused, match="its policy does not allow it"):
            self.kind.create(request(wanted))
        assert self.found(stage) == before

    def test_a_delete_tolerates_that_the_identity_is_gone(self, stage: Stage, v2: Any) -> None:
        v2.delete_email_identity(EmailIdentity=stage.domain)
        self.kind.delete(request(self.properties(stage), physical_id=stage.domain))


class TestIdentities:
    kind = EmailIdentities()

    def properties(self, domain: str, existing: str = "fail", **declared: str) -> Json:
        fixed = {"Identity": domain, "Existing": existing, "Stack": "arn:aws:cloudformation:stack/Mine/1"}
        return {**fixed, "FeedbackForwarding": "true", **declared}

    @pytest.fixture
    def domain(self) -> str:
        return f"d{uuid.uuid4().hex[:8]}.example.com"

    def settings(self, v2: Any, domain: str) -> tuple[str | None, str | None]:
        found = v2.get_email_identity(EmailIdentity=domain)
        return found.get("MailFromAttributes", {}).get("MailFromDomain"), found.get("ConfigurationSetName")

    def test_a_create_that_comes_twice_makes_the_identity_once_and_tells_its_dkim_records(
        self, v2: Any, domain: str
    ) -> None:
        wanted = self.properties(domain, MailFromDomain=f"bounce.{domain}")
        first, second = (self.kind.create(request(wanted)) for _ in range(2))
        assert first == second
        assert self.settings(v2, domain)[0] == f"bounce.{domain}"
        tokens = v2.get_email_identity(EmailIdentity=domain)["DkimAttributes"]["Tokens"]
        for number, token in enumerate(tokens, start=1):
            assert first.data[f"DkimDNSTokenName{number}"] == f"{token}._domainkey.{domain}"
            assert first.data[f"DkimDNSTokenValue{number}"] == f"{token}.dkim.amazonses.com"
        assert len(first.data) == 6

    def test_an_identity_of_somebody_else_is_refused_and_left_as_it_is(self, stage: Stage, v2: Any) -> None:
        before = self.settings(v2, stage.domain)
        with pytest.raises(Refused, match="exists already and belongs to somebody else; existing='adopt' takes it"):
            self.kind.create(request(self.properties(stage.domain, MailFromDomain=f"bounce.{stage.domain}")))
        self.kind.delete(request(self.properties(stage.domain), physical_id=stage.domain))
        assert self.settings(v2, stage.domain) == before

    def test_an_adopted_identity_gets_what_is_declared_keeps_the_rest_and_is_left_behind(
        self, stage: Stage, v2: Any
    ) -> None:
        v2.put_email_identity_configuration_set_attributes(
            EmailIdentity=stage.domain, ConfigurationSetName=stage.configuration_set
        )
        dkim = v2.get_email_identity(EmailIdentity=stage.domain)["DkimAttributes"]
        wanted = self.properties(stage.domain, "adopt", MailFromDomain=f"bounce.{stage.domain}")
        for _ in range(2):
            self.kind.create(request(wanted))
        after = (f"bounce.{stage.domain}", stage.configuration_set)
        assert self.settings(v2, stage.domain) == after
        assert v2.get_email_identity(EmailIdentity=stage.domain)["DkimAttributes"] == dkim
        self.kind.delete(request(wanted, physical_id=stage.domain))
        assert self.settings(v2, stage.domain) == after

    def test_a_refused_adoption_is_taken_back(self, stage: Stage, v2: Any) -> None:
        before = self.settings(v2, stage.domain)
        declared = {"MailFromDomain": f"bounce.{stage.domain}", "ConfigurationSetName": "nowhere"}
        with pytest.raises(Refused, match="Configuration set <nowhere> does not exist"):
            self.kind.create(request(self.properties(stage.domain, "adopt", **declared)))
        assert self.settings(v2, stage.domain) == before

    def test_a_refused_creation_leaves_no_identity(self, v2: Any, domain: str) -> None:
        with pytest.raises(Refused, match="nowhere"):
            self.kind.create(request(self.properties(domain, ConfigurationSetName="nowhere")))
        with pytest.raises(ClientError, match="does not exist"):
            v2.get_email_identity(EmailIdentity=domain)

    def test_an_update_sets_what_is_new_and_clears_what_is_declared_no_more(
        self, stage: Stage, v2: Any, domain: str
    ) -> None:
        old = self.properties(domain, MailFromDomain=f"bounce.{domain}")
        self.kind.create(request(old))
        new = self.properties(domain, ConfigurationSetName=stage.configuration_set, DkimOrigin="AWS_SES")
        new["DkimKeyLength"] = "RSA_1024_BIT"
        for _ in range(2):
            self.kind.update(request(new, physical_id=domain, old=old))
        assert self.settings(v2, domain) == (None, stage.configuration_set)
        dkim = v2.get_email_identity(EmailIdentity=domain)["DkimAttributes"]
        assert dkim["NextSigningKeyLength"] == "RSA_1024_BIT"

    def test_what_happens_without_its_mx_is_set_kept_with_another_domain_and_cleared(
        self, v2: Any, domain: str
    ) -> None:
        def behavior() -> tuple[str, str]:
            found = v2.get_email_identity(EmailIdentity=domain)["MailFromAttributes"]
            return found["MailFromDomain"].partition(".")[0], found["BehaviorOnMxFailure"]

        strict = self.properties(domain, MailFromDomain=f"bounce.{domain}", BehaviorOnMxFailure="REJECT_MESSAGE")
        for _ in range(2):
            self.kind.create(request(strict))
        assert behavior() == ("bounce", "REJECT_MESSAGE")
        moved = {**strict, "MailFromDomain": f"mail.{domain}"}
        self.kind.update(request(moved, physical_id=domain, old=strict))
        assert behavior() == ("mail", "REJECT_MESSAGE")
        lax = self.properties(domain, MailFromDomain=f"mail.{domain}")
        self.kind.update(request(lax, physical_id=domain, old=moved))
        assert behavior() == ("mail", "USE_DEFAULT_VALUE")

    def test_an_adopted_identity_keeps_how_strict_it_is_with_another_mail_from_domain(
        self, v2: Any, domain: str
    ) -> None:
        v2.create_email_identity(EmailIdentity=domain)
        v2.put_email_identity_mail_from_attributes(
            EmailIdentity=domain, MailFromDomain=f"old.{domain}", BehaviorOnMxFailure="REJECT_MESSAGE"
        )
        self.kind.create(request(self.properties(domain, "adopt", MailFromDomain=f"new.{domain}")))
        assert v2.get_email_identity(EmailIdentity=domain)["MailFromAttributes"] == {
            "MailFromDomain": f"new.{domain}",
            "MailFromDomainStatus": "SUCCESS",
            "BehaviorOnMxFailure": "REJECT_MESSAGE",
        }

    def test_a_delete_deletes_what_was_made_here_also_twice(self, v2: Any, domain: str) -> None:
        wanted = self.properties(domain)
        self.kind.create(request(wanted))
        for _ in range(2):
            self.kind.delete(request(wanted, physical_id=domain))
        with pytest.raises(ClientError, match="does not exist"):
            v2.get_email_identity(EmailIdentity=domain)

    def test_a_key_of_the_owner_is_not_given_up_unasked(self, v2: Any, domain: str) -> None:
        key = {"DomainSigningSelector": "k2026", "DomainSigningPrivateKey": "MIIE"}
        v2.create_email_identity(EmailIdentity=domain, DkimSigningAttributes=key)
        with pytest.raises(Refused, match=r"signs with a key of its owner.*dkim=Dkim\.easy"):
            self.kind.create(request(self.properties(domain, "adopt")))
        easy = {"DkimOrigin": "AWS_SES", "DkimKeyLength": "RSA_2048_BIT"}
        made = self.kind.create(request(self.properties(domain, "adopt", **easy)))
        assert len(made.data) == 6

    def test_an_identity_that_never_signed_is_set_up_to(self, v2: Any, domain: str) -> None:
        ses.v1().verify_domain_identity(Domain=domain)
        assert len(self.kind.create(request(self.properties(domain, "adopt"))).data) == 6

    def test_a_copy_in_another_region_has_the_dkim_records_of_its_parent(
        self, stage: Stage, v2: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tokens = v2.get_email_identity(EmailIdentity=stage.domain)["DkimAttributes"]["Tokens"]
        there = use(stage.lab, monkeypatch, region="eu-west-1")
        origin = f"AWS_SES_{stage.lab.region.upper().replace('-', '_')}"
        self.kind.create(request(self.properties(stage.domain, DkimOrigin=origin)))
        dkim = there.get_email_identity(EmailIdentity=stage.domain)["DkimAttributes"]
        assert (dkim["SigningAttributesOrigin"], dkim["Tokens"]) == (origin, tokens)
