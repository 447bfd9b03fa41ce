"""Who may send from an identity, who hears of it, and what waits for it."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from ses_constructs import (
    Dkim,
    Dns,
    DomainIdentity,
    EmailAddressIdentity,
    EventType,
    FeedbackPipeline,
)
from tests.constructs.support import RSA_2048_PEM, Synthesised, hosted_zone, synthesise, text

POLICY = "Custom::SesIdentityPolicy"
NOTIFICATIONS = "Custom::SesIdentityNotifications"
VERIFICATION = "Custom::SesVerification"
CUSTOM_IDENTITY = "Custom::SesEmailIdentity"
IDENTITY_ARN = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/example.com"


def example(stack: cdk.Stack, **arguments: Any) -> DomainIdentity:
    arguments.setdefault("dns", Dns.route53(hosted_zone(stack)))
    return DomainIdentity(stack, "Identity", domain="example.com", **arguments)


@pytest.fixture
def identity(stack: cdk.Stack) -> DomainIdentity:
    return example(stack)


def policy_statement(synthesised: Synthesised) -> dict[str, Any]:
    (statement,) = synthesised.properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    return dict(statement)


def sending_policy(synthesised: Synthesised) -> dict[str, Any]:
    document = json.loads(text(synthesised.properties(POLICY)["Policy"]))
    assert document["Version"] == "2012-10-17"
    (statement,) = document["Statement"]
    return dict(statement)


def allowed(synthesised: Synthesised, action: str) -> list[dict[str, Any]]:
    """The statements of the custom resources' function about an action."""
    return [
        statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if action in statement["Action"]
    ]


class TestGrantSend:
    def test_templates_bring_the_actions_of_templated_and_bulk_mail_and_their_own_arns(self) -> None:
        arn = "arn:aws:ses:eu-west-1:111122223333:template/shared"
        statement = policy_statement(
            synthesise(lambda it: example(it).grant_send(iam.User(it, "Sender"), templates=["welcome", arn]))
        )
        assert sorted(statement["Action"]) == [
            "ses:SendBulkEmail",
            "ses:SendBulkTemplatedEmail",
            "ses:SendEmail",
            "ses:SendRawEmail",
            "ses:SendTemplatedEmail",
        ]
        resources = [text(resource) for resource in statement["Resource"]]
        assert "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:template/welcome" in resources
        assert arn in resources

    def test_recipients_are_confined_also_where_a_call_names_none(self) -> None:
        statement = policy_statement(
            synthesise(lambda it: example(it).grant_send(iam.User(it, "Sender"), recipients=["*@example.org"]))
        )
        assert statement["Condition"] == {
            "ForAllValues:StringLike": {"ses:Recipients": ["*@example.org"]},
            "Null": {"ses:Recipients": "false"},
        }

    def test_from_addresses_and_display_names_must_both_fit(self) -> None:
        def define(stack: cdk.Stack) -> None:
            sender = iam.User(stack, "Sender")
            example(stack).grant_send(sender, from_addresses=["news@example.com"], display_names=["Example *"])

        condition = {"ses:FromAddress": ["news@example.com"], "ses:FromDisplayName": ["Example *"]}
        assert policy_statement(synthesise(define))["Condition"] == {"StringLike": condition}

    def test_in_the_sandbox_the_recipients_identity_is_covered_too(self) -> None:
        def define(stack: cdk.Stack) -> None:
            tester = EmailAddressIdentity(stack, "Tester", address="tester@example.org")
            example(stack).grant_send(iam.User(stack, "Sender"), sandbox_recipients=[tester])

        synthesised = synthesise(define)
        resources = [text(resource) for resource in policy_statement(synthesised)["Resource"]]
        assert any(":identity/${Tester" in resource for resource in resources)

    @pytest.mark.parametrize(
        "arguments",
        [
            {"display_names": "News"},
            {"display_names": []},
            {"recipients": "a@example.com"},
            {"recipients": []},
            {"templates": "welcome"},
            {"sandbox_recipients": "tester@example.com"},
        ],
    )
    def test_what_is_no_list_is_refused(
        self, stack: cdk.Stack, identity: DomainIdentity, arguments: dict[str, Any]
    ) -> None:
        with pytest.raises(ValueError, match=f"Mail/Identity: {next(iter(arguments))} must"):
            identity.grant_send(iam.User(stack, "Sender"), **arguments)


class TestSendingPolicy:
    def test_accounts_and_roles_may_send_from_this_identity_as_the_conditions_say_and_do_nothing_else(self) -> None:
        role = "arn:aws:iam::444455556666:role/mailer"

        def define(stack: cdk.Stack) -> None:
            example(stack).add_sending_policy(
                "Partner", principals=["111122223333", role], from_addresses=["partner@example.com"]
            )

        statement = sending_policy(synthesise(define))
        assert statement["Principal"] == {"AWS": ["arn:${AWS::Partition}:iam::111122223333:root", role]}
        assert statement["Resource"] == IDENTITY_ARN
        assert all(action.startswith("ses:Send") for action in statement["Action"])
        assert statement["Condition"] == {"StringLike": {"ses:FromAddress": ["partner@example.com"]}}

    def test_the_function_may_touch_the_policies_of_this_identity_alone(self) -> None:
        synthesised = synthesise(lambda it: example(it).add_sending_policy("Partner", principals=["111122223333"]))
        (statement,) = allowed(synthesised, "ses:CreateEmailIdentityPolicy")
        assert text(statement["Resource"]) == IDENTITY_ARN

    def test_policies_have_names_that_ses_takes_and_that_differ(self) -> None:
        def define(stack: cdk.Stack) -> None:
            identity = example(stack)
            for id in ("One", "Two"):
                identity.add_sending_policy(id, principals=["111122223333"])
            identity.add_sending_policy("Three", principals=["111122223333"], policy_name="mine")

        names = {it["Properties"]["PolicyName"] for it in synthesise(define).resources(POLICY).values()}
        assert len(names) == 3
        assert "mine" in names
        assert all(len(name) <= 64 and name.replace("-", "").replace("_", "").isalnum() for name in names)

    @pytest.mark.parametrize(
        ("arguments", "rule"),
        [
            ({"principals": "111122223333"}, "principals must be a list"),
            ({"principals": []}, "principals must name at least one"),
            ({"principals": ["1111"]}, "principals must be account numbers of 12 digits, or ARNs"),
            ({"principals": ["*"]}, "principals must be account numbers of 12 digits, or ARNs"),
            ({"policy_name": "a b"}, "policy_name must be 1 to 64 letters, digits, _ and -"),
            ({"policy_name": "a" * 65}, "policy_name must be 1 to 64"),
            ({"from_addresses": []}, "from_addresses must name at least one"),
            ({"from_addresses": [f"{'a' * 60}{it}@example.com" for it in range(60)]}, "at most 4,096 bytes"),
        ],
    )
    def test_what_ses_would_refuse_is_refused(
        self, identity: DomainIdentity, arguments: dict[str, Any], rule: str
    ) -> None:
        with pytest.raises(ValueError, match=rule):
            identity.add_sending_policy("Partner", **{"principals": ["111122223333"], **arguments})

    def test_a_twenty_first_policy_is_refused(self, identity: DomainIdentity) -> None:
        for number in range(20):
            identity.add_sending_policy(f"P{number}", principals=["111122223333"])
        with pytest.raises(
            ValueError, match="Mail/Identity: the identity can have at most 20 sending policies, got 21"
        ):
            identity.add_sending_policy("P20", principals=["111122223333"])


class TestNotificationTopic:
    def test_topics_by_type_are_one_setting_of_the_identity(self) -> None:
        def define(stack: cdk.Stack) -> None:
            identity = example(stack)
            identity.set_notification_topic(sns.Topic(stack, "Feedback"))
            identity.set_notification_topic(sns.Topic(stack, "Rest"), events=[EventType.DELIVERY], headers=True)

        properties = synthesise(define).properties(NOTIFICATIONS)
        topics = {kind: text(topic) for kind, topic in properties["Topics"].items()}
        assert topics["Bounce"] == topics["Complaint"] != topics["Delivery"]
        assert properties["Headers"] == ["Delivery"]
        assert properties["FeedbackForwarding"] == "false"

    def test_topic_and_key_let_ses_in_for_this_identity_alone_before_it_is_set(self) -> None:
        def define(stack: cdk.Stack) -> None:
            topic = sns.Topic(stack, "Topic", master_key=kms.Key(stack, "Key"))
            example(stack).set_notification_topic(topic)

        synthesised = synthesise(define)
        (topic_policy,) = synthesised.resources("AWS::SNS::TopicPolicy")
        statements = [
            *synthesised.properties("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"],
            *synthesised.properties("AWS::KMS::Key")["KeyPolicy"]["Statement"],
        ]
        for_ses = [it for it in statements if it["Principal"].get("Service") == "ses.amazonaws.com"]
        assert len(for_ses) == 2
        for statement in for_ses:
            assert text(statement["Condition"]["ArnLike"]["aws:SourceArn"]) == IDENTITY_ARN
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert topic_policy in synthesised.only(NOTIFICATIONS)["DependsOn"]

    def test_an_imported_topic_needs_its_policy_elsewhere_and_the_user_is_told_which(self) -> None:
        def define(stack: cdk.Stack) -> None:
            topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:mail")
            example(stack).set_notification_topic(topic)

        (warning,) = synthesise(define).warnings()
        assert "sns:Publish" in warning

    @pytest.mark.parametrize(
        ("events", "rule"),
        [
            ("BOUNCE", "events must be a list"),
            ([], "events must name at least one"),
            (["OPEN"], "events must be among BOUNCE, COMPLAINT, DELIVERY"),
        ],
    )
    def test_other_types_are_refused(self, stack: cdk.Stack, identity: DomainIdentity, events: Any, rule: str) -> None:
        with pytest.raises(ValueError, match=rule):
            identity.set_notification_topic(sns.Topic(stack, "Topic"), events=events)

    def test_a_second_topic_for_the_same_type_is_refused(self, stack: cdk.Stack, identity: DomainIdentity) -> None:
        identity.set_notification_topic(sns.Topic(stack, "One"), events=["BOUNCE"])
        with pytest.raises(ValueError, match=r"must be such that have no topic yet.*got \['BOUNCE'\]"):
            identity.set_notification_topic(sns.Topic(stack, "Two"))

    def test_a_fifo_topic_is_refused(self, stack: cdk.Stack, identity: DomainIdentity) -> None:
        with pytest.raises(ValueError, match="topic must be a standard topic"):
            identity.set_notification_topic(sns.Topic(stack, "Topic", fifo=True, topic_name="mail.fifo"))

    def test_a_pipeline_takes_identities_as_sources_and_is_open_before_they_publish(self) -> None:
        def define(stack: cdk.Stack) -> None:
            address = EmailAddressIdentity(stack, "Address", address="hello@example.org")
            FeedbackPipeline(stack, "Feedback", sources=[example(stack), address])

        synthesised = synthesise(define)
        (topic,) = synthesised.resources("AWS::SNS::Topic")
        (subscription,) = synthesised.resources("AWS::SNS::Subscription")
        settings = synthesised.resources(NOTIFICATIONS).values()
        assert len(settings) == 2
        for setting in settings:
            assert setting["Properties"]["Topics"] == {"Bounce": {"Ref": topic}, "Complaint": {"Ref": topic}}
            assert subscription in setting["DependsOn"]

    def test_a_pipeline_in_a_stack_of_its_own_takes_an_identity_of_another(self) -> None:
        app = cdk.App()
        identity = EmailAddressIdentity(cdk.Stack(app, "Identities"), "Identity", address="hello@example.org")
        FeedbackPipeline(cdk.Stack(app, "Feedback"), "Feedback", sources=[identity])
        app.synth()


class TestVerification:
    def test_what_depends_on_it_comes_after_identity_and_records(self) -> None:
        def define(stack: cdk.Stack) -> None:
            identity = example(stack)
            identity.add_sending_policy("Partner", principals=["111122223333"])
            later = iam.User(stack, "Later")
            later.node.add_dependency(identity.when_verified(timeout=cdk.Duration.minutes(2)))

        synthesised = synthesise(define)
        (wait,) = synthesised.resources(VERIFICATION)
        assert synthesised.properties(VERIFICATION)["TimeoutSeconds"] == 120
        assert wait in synthesised.only("AWS::IAM::User")["DependsOn"]
        before = synthesised.only(VERIFICATION)["DependsOn"]
        for resource_type in ("AWS::SES::EmailIdentity", "AWS::Route53::RecordSetGroup"):
            (needed,) = synthesised.resources(resource_type)
            assert needed in before
        (policy,) = synthesised.resources(POLICY)
        assert policy not in before

    def test_it_is_one_wait_however_often_it_is_asked_for(self, identity: DomainIdentity) -> None:
        assert identity.when_verified() is identity.when_verified()
        with pytest.raises(ValueError, match="timeout must be the one of the first call, 600 seconds"):
            identity.when_verified(timeout=cdk.Duration.minutes(2))

    @pytest.mark.parametrize("timeout", [cdk.Duration.seconds(0), cdk.Duration.minutes(15)])
    def test_a_time_that_the_function_does_not_have_is_refused(
        self, identity: DomainIdentity, timeout: cdk.Duration
    ) -> None:
        with pytest.raises(ValueError, match="timeout must be 1 second to 14 minutes"):
            identity.when_verified(timeout=timeout)

    def test_the_function_has_time_for_the_longest_wait(self) -> None:
        synthesised = synthesise(lambda it: example(it).when_verified(timeout=cdk.Duration.minutes(14)))
        assert synthesised.properties("AWS::Lambda::Function")["Timeout"] == 900
        assert 900 < int(synthesised.properties(VERIFICATION)["ServiceTimeout"]) <= 1000


class TestExisting:
    def test_an_adopted_identity_gets_only_what_is_declared_and_its_records_come_from_ses(self) -> None:
        synthesised = synthesise(lambda it: example(it, existing="adopt", mail_from=None))
        assert not any(it["Type"] == "AWS::SES::EmailIdentity" for it in synthesised.template["Resources"].values())
        properties = synthesised.properties(CUSTOM_IDENTITY)
        assert not {"DkimOrigin", "MailFromDomain", "ConfigurationSetName"} & properties.keys()
        (resource,) = synthesised.resources(CUSTOM_IDENTITY)
        records = synthesised.properties("Custom::SesRecords")
        assert (records["Existing"], records["HostedZoneId"]) == ("adopt", "Z0123456789EXAMPLE")
        names = [text(it["Name"]) for it in records["Records"] if it["Type"] == "CNAME"]
        assert names == [f"${{{resource}.DkimDNSTokenName{number}}}" for number in (1, 2, 3)]

    def test_records_of_an_adopted_identity_are_changed_by_a_function_that_may_change_nothing_else(self) -> None:
        synthesised = synthesise(lambda it: example(it, existing="adopt"))
        (change,) = allowed(synthesised, "route53:ChangeResourceRecordSets")
        assert text(change["Resource"]) == "arn:${AWS::Partition}:route53:::hostedzone/Z0123456789EXAMPLE"
        names = change["Condition"]["ForAllValues:StringLike"]
        assert names["route53:ChangeResourceRecordSetsNormalizedRecordNames"] == ["example.com", "*.example.com"]

    def test_a_publisher_elsewhere_may_adopt_or_simply_publish(self, stack: cdk.Stack) -> None:
        role = "arn:aws:iam::111122223333:role/dns"
        there = Dns.route53_cross_account(zone_name="example.com", hosted_zone_id="Z1", role_arn=role)
        by_hand = DomainIdentity(stack, "ByHand", domain="example.org", dns=Dns.manual(), existing="adopt")
        assert len(by_hand.records) == 6
        records = synthesise(lambda it: example(it, existing="adopt", dns=there)).properties("Custom::SesRecords")
        assert (records["Existing"], records["RoleArn"]) == ("adopt", role)

    def test_declared_dkim_reaches_an_adopted_identity(self) -> None:
        properties = synthesise(lambda it: example(it, existing="adopt", dkim=Dkim.easy(1024))).properties(
            CUSTOM_IDENTITY
        )
        assert (properties["DkimOrigin"], properties["DkimKeyLength"]) == ("AWS_SES", "RSA_1024_BIT")

    def test_an_adopted_identity_may_be_granted_shared_and_waited_for(self) -> None:
        def define(stack: cdk.Stack) -> None:
            identity = example(stack, existing="adopt")
            identity.grant_send(iam.User(stack, "Sender"))
            identity.add_sending_policy("Partner", principals=["111122223333"])
            identity.set_notification_topic(sns.Topic(stack, "Topic"))
            identity.when_verified()

        synthesised = synthesise(define)  # which finds no circle of dependencies
        (resource,) = synthesised.resources(CUSTOM_IDENTITY)
        assert synthesised.properties(POLICY)["Identity"] == {"Ref": resource}

    def test_a_copied_key_names_its_region_needs_no_records_and_may_be_copied(self) -> None:
        synthesised = synthesise(
            lambda it: example(it, dkim=Dkim.deterministic(parent_region="ap-southeast-2"), mail_from="sydney")
        )
        properties = synthesised.properties(CUSTOM_IDENTITY)
        assert (properties["DkimOrigin"], properties["Existing"]) == ("AWS_SES_AP_SOUTHEAST_2", "fail")
        sets = synthesised.properties("AWS::Route53::RecordSetGroup")["RecordSets"]
        assert not any(it["Type"] == "CNAME" for it in sets)
        (statement,) = allowed(synthesised, "ses:ReplicateEmailIdentityDKIMSigningKey")
        assert any(":ap-southeast-2:" in text(resource) for resource in statement["Resource"])

    def test_a_key_of_ones_own_cannot_go_through_a_custom_resource(self, stack: cdk.Stack) -> None:
        dkim = Dkim.byo(
            selector="k2026",
            public_key=RSA_2048_PEM,
            private_key=cdk.SecretValue.secrets_manager("dkim-key"),
        )
        with pytest.raises(ValueError, match=r"Mail/Identity: dkim must not be Dkim\.byo"):
            example(stack, existing="adopt", dkim=dkim)

    def test_another_word_is_refused(self, stack: cdk.Stack) -> None:
        with pytest.raises(ValueError, match="Mail/Identity: existing must be 'fail' or 'adopt', got 'keep'"):
            example(stack, existing="keep")

    @pytest.mark.parametrize("region", ["Ireland", "", "eu-west", None])
    def test_a_parent_region_that_is_none_is_refused(self, region: Any) -> None:
        with pytest.raises(ValueError, match=r"Dkim\.deterministic: parent_region must be like eu-west-1"):
            Dkim.deterministic(parent_region=region)

    def test_a_region_cannot_be_its_own_parent(self) -> None:
        stack = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(region="eu-west-1"))
        with pytest.raises(ValueError, match="dkim must name another region than the stack's"):
            example(stack, dkim=Dkim.deterministic(parent_region="eu-west-1"))
