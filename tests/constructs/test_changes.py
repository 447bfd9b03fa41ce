import string
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from ses_constructs import FeedbackPipeline, SendingConfigurationSet, SuppressionChanges
from tests.constructs.support import Synthesised, synthesise, text

STREAM = "arn:aws:dynamodb:us-east-1:111122223333:table/Ledger/stream/2026-03-02T08:15:33.907"


def feedback(stack: cdk.Stack, **options: Any) -> FeedbackPipeline:
    return FeedbackPipeline(stack, "Feedback", sources=[sns.Topic(stack, "Topic")], **options)


def users_function(stack: cdk.Stack) -> lambda_.Function:
    code = lambda_.Code.from_inline("def handler(event, context): ...")
    runtime = lambda_.Runtime.PYTHON_3_14
    return lambda_.Function(stack, "Mine", runtime=runtime, handler="index.handler", code=code)


@pytest.fixture(scope="module")
def everything() -> Synthesised:
    """All reactions at once."""

    def define(stack: cdk.Stack) -> None:
        pipeline = FeedbackPipeline(stack, "Feedback", sources=[SendingConfigurationSet(stack, "Mail")])
        changes = pipeline.publish_changes()
        changes.invoke("Mine", users_function(stack))
        changes.call_webhook("Partner", url="https://partner.example.com/ses")
        changes.keep_account_suppression_list()
        changes.remove_from_contact_list("Customers")

    return synthesise(define)


REACTIONS = ("ChangesMine", "ChangesPartner", "ChangesAccountSuppressionList", "ChangesContactList")


def named(synthesised: Synthesised, resource_type: str, part: str) -> dict[str, Any]:
    """The one resource of a type whose logical id holds *part*."""
    (found,) = [it for name, it in synthesised.resources(resource_type).items() if part in name]
    return found


def allowed(synthesised: Synthesised, part: str) -> dict[str, Any]:
    """Resources (or "*") by action, of the role whose logical id holds *part*."""
    found: dict[str, Any] = {}
    for statement in named(synthesised, "AWS::IAM::Policy", part)["Properties"]["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]:
            assert "*" not in action
            found[action] = statement["Resource"]
    return found


def test_without_a_reaction_there_is_nothing_of_it() -> None:
    synthesised = synthesise(feedback)
    assert "StreamSpecification" not in synthesised.properties("AWS::DynamoDB::Table")
    types = {it["Type"] for it in synthesised.template["Resources"].values()}
    assert not {"AWS::Events::EventBus", "AWS::Events::Rule", "AWS::SecretsManager::Secret"} & types
    assert len(synthesised.resources("AWS::Lambda::Function")) == 1


def test_the_ledgers_own_stream_is_read_from_its_beginning_and_nothing_of_it_is_dropped(
    everything: Synthesised,
) -> None:
    (table,) = everything.resources("AWS::DynamoDB::Table")
    stream = everything.properties("AWS::DynamoDB::Table")["StreamSpecification"]
    assert stream == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    mapping = named(everything, "AWS::Lambda::EventSourceMapping", "FeedbackChangesMapping")["Properties"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [table, "StreamArn"]}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert "MaximumRetryAttempts" not in mapping, "until the record's age, and not a number of times"
    function = named(everything, "AWS::Lambda::Function", "FeedbackChangesFunction")["Properties"]
    given_up_after = int(function["Environment"]["Variables"]["GIVE_UP_AFTER"])
    assert given_up_after < mapping["MaximumRecordAgeInSeconds"] < 24 * 3600, "before the stream drops it"
    (queue,) = [it for it in everything.resources("AWS::SQS::Queue") if "ChangesDeadLetterQueue" in it]
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": [queue, "Arn"]}}}


def test_nothing_is_told_before_all_reactions_listen(everything: Synthesised) -> None:
    waits_for = named(everything, "AWS::Lambda::EventSourceMapping", "FeedbackChangesMapping")["DependsOn"]
    for part in REACTIONS:
        for kind in ("Rule", "QueuePolicy", "Mapping"):
            assert [name for name in waits_for if f"{part}{kind}" in name], f"{part}{kind}"


@pytest.mark.parametrize("part", REACTIONS)
def test_each_reaction_has_its_own_queue_dead_letter_queue_and_alarms(everything: Synthesised, part: str) -> None:
    queues = {name: it["Properties"] for name, it in everything.resources("AWS::SQS::Queue").items() if part in name}
    ((dead, _), (main, properties)) = sorted(queues.items(), key=lambda it: "RedrivePolicy" in it[1])
    assert properties["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead, "Arn"]}
    rule = named(everything, "AWS::Events::Rule", part)["Properties"]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [main, "Arn"]}
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": [dead, "Arn"]}
    (table,) = everything.resources("AWS::DynamoDB::Table")
    assert rule["EventPattern"]["resources"] == [{"Fn::GetAtt": [table, "Arn"]}], "of this ledger, on a shared bus"
    alarms = [it["Properties"] for name, it in everything.resources("AWS::CloudWatch::Alarm").items() if part in name]
    assert {alarm["MetricName"] for alarm in alarms} == {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateAgeOfOldestMessage",
    }
    mapping = named(everything, "AWS::Lambda::EventSourceMapping", part)["Properties"]
    if part == "ChangesMine":
        assert properties["VisibilityTimeout"] == 900, "whatever the function's timeout is"
        assert mapping["BatchSize"] == 1, "so that the function need not report batch item failures"
    else:
        function = named(everything, "AWS::Lambda::Function", part)["Properties"]
        assert properties["VisibilityTimeout"] == 6 * function["Timeout"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_only_the_rule_may_send_to_a_reactions_queues(everything: Synthesised) -> None:
    for part in REACTIONS:
        (rule,) = [name for name in everything.resources("AWS::Events::Rule") if part in name]
        policies = [it for name, it in everything.resources("AWS::SQS::QueuePolicy").items() if part in name]
        assert len(policies) == 2
        for policy in policies:
            statements = policy["Properties"]["PolicyDocument"]["Statement"]
            (allow,) = [it for it in statements if it["Effect"] == "Allow"]
            assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}}
            (deny,) = [it for it in statements if it["Effect"] == "Deny"]
            assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_pipelines_key_encrypts_everything_and_no_service_may_use_it_for_others(everything: Synthesised) -> None:
    (key,) = everything.resources("AWS::KMS::Key")
    arn = {"Fn::GetAtt": [key, "Arn"]}
    assert all(it["Properties"]["KmsMasterKeyId"] == arn for it in everything.resources("AWS::SQS::Queue").values())
    assert everything.properties("AWS::Events::EventBus")["KmsKeyIdentifier"] == arn
    assert everything.properties("AWS::SecretsManager::Secret")["KmsKeyId"] == arn
    policy = everything.properties("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    for statement in [it for it in policy if it["Principal"].get("Service") == "events.amazonaws.com"]:
        sources = [it for kind in statement["Condition"].values() for name, it in kind.items() if "SourceArn" in name]
        assert sources
        assert all(":${AWS::AccountId}:" in text(source) for source in sources)


def test_functions_may_do_what_they_need_and_no_more(everything: Synthesised) -> None:
    (bus,) = everything.resources("AWS::Events::EventBus")
    (table,) = everything.resources("AWS::DynamoDB::Table")
    publisher = allowed(everything, "FeedbackChangesFunctionRole")
    assert publisher["events:PutEvents"] == {"Fn::GetAtt": [bus, "Arn"]}
    assert {action for action, resource in publisher.items() if resource == "*"} == {"dynamodb:ListStreams"}
    assert not any(action.startswith("dynamodb:") and "Item" in action for action in publisher), "it reads no item"
    partner = allowed(everything, "ChangesPartnerFunctionRole")
    assert not any(action.startswith(("ses:", "dynamodb:")) for action in partner)
    account = allowed(everything, "ChangesAccountSuppressionListFunctionRole")
    assert {action for action, resource in account.items() if resource == "*"} == {
        "ses:DeleteSuppressedDestination",
        "ses:PutSuppressedDestination",
    }
    assert account["dynamodb:GetItem"] == {"Fn::GetAtt": [table, "Arn"]}
    contacts = allowed(everything, "ChangesContactListFunctionRole")
    on_list = {action: text(resource) for action, resource in contacts.items() if action.startswith("ses:")}
    assert set(on_list) == {"ses:DeleteContact", "ses:GetContact", "ses:GetContactList"}
    assert all(arn.endswith(":${AWS::AccountId}:contact-list/Customers") for arn in on_list.values())


def test_ses_gets_one_call_a_second_without_reserved_concurrency(everything: Synthesised) -> None:
    for part in ("ChangesAccountSuppressionList", "ChangesContactList"):
        workers = named(everything, "AWS::Lambda::EventSourceMapping", part)["Properties"]["ScalingConfig"]
        function = named(everything, "AWS::Lambda::Function", part)["Properties"]
        seconds = float(function["Environment"]["Variables"]["SECONDS_A_CALL"])
        assert workers["MaximumConcurrency"] / seconds <= 1
        assert "ReservedConcurrentExecutions" not in function
        pattern = named(everything, "AWS::Events::Rule", part)["Properties"]["EventPattern"]
        assert pattern["detail"] == {"scope": ["account"]}


def test_the_signing_secret_is_made_of_what_base64_is_made_of(everything: Synthesised) -> None:
    rule = everything.properties("AWS::SecretsManager::Secret")["GenerateSecretString"]
    assert not set(string.punctuation) - set(rule["ExcludeCharacters"])
    assert rule["PasswordLength"] % 4 == 0
    assert 24 <= rule["PasswordLength"] // 4 * 3 <= 64, "what Standard Webhooks allows"


@pytest.mark.parametrize("whose", ["pipeline", "changes"])
def test_changes_told_late_or_not_at_all_raise_an_alarm_where_the_pipelines_do_unless_told_otherwise(
    whose: str,
) -> None:
    def define(stack: cdk.Stack) -> None:
        on_call = [actions.SnsAction(sns.Topic(stack, "OnCall"))]
        if whose == "pipeline":
            changes = feedback(stack, alarm_actions=on_call).publish_changes()
        else:
            changes = feedback(stack).publish_changes(alarm_actions=on_call)
        changes.keep_account_suppression_list()

    synthesised = synthesise(define)
    alarms = {
        name: it["Properties"]
        for name, it in synthesised.resources("AWS::CloudWatch::Alarm").items()
        if name.startswith("FeedbackChanges")
    }
    assert len(alarms) == 4
    assert all(len(alarm["AlarmActions"]) == 1 for alarm in alarms.values())
    (late,) = [alarm for alarm in alarms.values() if alarm["MetricName"] == "IteratorAge"]
    assert late["Threshold"] == 15 * 60 * 1000


@pytest.mark.parametrize("name", ["default", "mine"])
def test_the_bus_can_be_the_users_own(name: str) -> None:
    def define(stack: cdk.Stack) -> None:
        bus = events.EventBus.from_event_bus_name(stack, "Bus", name)
        changes = feedback(stack).publish_changes(bus=bus)
        assert changes.bus is bus
        changes.invoke("Mine", users_function(stack))

    synthesised = synthesise(define)
    assert "AWS::Events::EventBus" not in {it["Type"] for it in synthesised.template["Resources"].values()}
    rule = synthesised.properties("AWS::Events::Rule")
    assert text(rule["EventBusName"]).endswith(f":event-bus/{name}")


def test_of_an_imported_key_the_user_is_told_what_the_bus_asks_of_it() -> None:
    def define(stack: cdk.Stack) -> None:
        arn = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
        feedback(stack, encryption_key=kms.Key.from_key_arn(stack, "Key", arn)).publish_changes()

    (told,) = [it for it in synthesise(define).warnings() if "events.amazonaws.com" in it]
    assert {"kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt"} <= set(told.split())


def test_a_bus_of_another_region_is_refused() -> None:
    stack = cdk.Stack(cdk.App(), "Mail", env=cdk.Environment(account="111122223333", region="eu-west-1"))
    bus = events.EventBus.from_event_bus_arn(stack, "Bus", "arn:aws:events:us-east-1:111122223333:event-bus/mine")
    with pytest.raises(ValueError, match="Changes: bus must be in the region eu-west-1 of the stack"):
        feedback(stack).publish_changes(bus=bus)


def test_an_alias_of_a_key_is_refused_for_it_would_grant_nothing(stack: cdk.Stack) -> None:
    table = keyed_table(stack, stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES)
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/mine")
    with pytest.raises(ValueError, match="encryption_key must be a key, not its alias"):
        SuppressionChanges(stack, "Changes", table=table, encryption_key=alias)


def test_a_function_that_cannot_be_given_the_queue_is_refused(stack: cdk.Stack) -> None:
    arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
    function = lambda_.Function.from_function_arn(stack, "Crm", arn)
    with pytest.raises(ValueError, match="Changes: function must be imported with its role"):
        feedback(stack).publish_changes().invoke("Crm", function)


def test_a_function_of_another_stack_that_is_deployed_before_gets_the_queue() -> None:
    app = cdk.App()
    mail, crm = cdk.Stack(app, "Mail"), cdk.Stack(app, "Crm")
    feedback(mail).publish_changes().invoke("Mine", users_function(crm))
    artifact = app.synth().get_stack_by_name("Mail")
    assert "Crm" in [it.id for it in artifact.dependencies]
    synthesised = Synthesised(mail, artifact.template)
    may = allowed(synthesised, "ChangesMinePolicy")
    assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "kms:Decrypt"} <= set(may)
    mapping = named(synthesised, "AWS::Lambda::EventSourceMapping", "ChangesMine")
    assert any("ChangesMinePolicy" in it for it in mapping["DependsOn"]), "Lambda tries the queue with the role"


def test_of_two_webhooks_each_counts_for_itself() -> None:
    def define(stack: cdk.Stack) -> None:
        changes = feedback(stack).publish_changes()
        for name in ("One", "Two"):
            changes.call_webhook(name, url=f"https://{name}.example")

    synthesised = synthesise(define)
    functions = [named(synthesised, "AWS::Lambda::Function", f"Changes{name}") for name in ("One", "Two")]
    names = [it["Properties"]["Environment"]["Variables"]["PIPELINE_NAME"] for it in functions]
    assert names == ["Mail/Feedback/Changes/One", "Mail/Feedback/Changes/Two"]


def test_a_secret_of_ones_own_signs() -> None:
    def define(stack: cdk.Stack) -> None:
        secret = secretsmanager.Secret(stack, "Mine")
        reaction = feedback(stack).publish_changes().call_webhook("Partner", url="https://a.example", secret=secret)
        assert reaction.signing_secret is secret

    synthesised = synthesise(define)
    (secret,) = synthesised.resources("AWS::SecretsManager::Secret")
    readable = allowed(synthesised, "ChangesPartnerFunctionRole")["secretsmanager:GetSecretValue"]
    assert readable == {"Ref": secret}


def keyed_table(stack: cdk.Stack, **options: Any) -> dynamodb.Table:
    string = dynamodb.AttributeType.STRING
    return dynamodb.Table(
        stack,
        "Ledger",
        partition_key=dynamodb.Attribute(name="address", type=string),
        sort_key=dynamodb.Attribute(name="scope", type=string),
        **options,
    )


def test_a_table_of_ones_own_needs_a_stream_of_both_images(stack: cdk.Stack) -> None:
    pipeline = feedback(stack, table=keyed_table(stack))
    with pytest.raises(ValueError, match="Mail/Feedback/Changes: table must have a stream of NEW_AND_OLD_IMAGES, got"):
        pipeline.publish_changes()


def test_a_stream_without_old_images_is_refused(stack: cdk.Stack) -> None:
    pipeline = feedback(stack, table=keyed_table(stack, stream=dynamodb.StreamViewType.NEW_IMAGE))
    with pytest.raises(ValueError, match="must have a stream of NEW_AND_OLD_IMAGES, got 'Mail/Ledger with NEW_IMAGE'"):
        pipeline.publish_changes()


def test_an_imported_table_must_come_with_its_stream(stack: cdk.Stack) -> None:
    table = dynamodb.Table.from_table_name(stack, "Ledger", "Ledger")
    with pytest.raises(ValueError, match="must be imported with its table_stream_arn"):
        SuppressionChanges(stack, "Changes", table=table, encryption_key=kms.Key(stack, "Key"))


@pytest.mark.parametrize("imported", [False, True])
def test_a_table_of_ones_own_with_a_stream_is_listened_to(imported: bool) -> None:
    def define(stack: cdk.Stack) -> None:
        table: dynamodb.ITable
        if imported:
            table_arn = STREAM.partition("/stream/")[0]
            table = dynamodb.Table.from_table_attributes(stack, "Ledger", table_arn=table_arn, table_stream_arn=STREAM)
        else:
            table = keyed_table(stack, stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES)
        SuppressionChanges(stack, "Changes", table=table, encryption_key=kms.Key(stack, "Key"))

    arn = synthesise(define).properties("AWS::Lambda::EventSourceMapping")["EventSourceArn"]
    assert arn == STREAM if imported else arn["Fn::GetAtt"][1] == "StreamArn"


def test_a_second_call_is_refused(stack: cdk.Stack) -> None:
    pipeline = feedback(stack)
    pipeline.publish_changes()
    with pytest.raises(ValueError, match="publish_changes is called once"):
        pipeline.publish_changes()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"url": "http://partner.example.com"}, "url must begin with https://"),
        ({"url": "partner.example.com"}, "url must begin with https://"),
        ({"url": "https://"}, "url must begin with https://"),
        ({"url": "https://partner.example.com/a b"}, "url must be written in ASCII, without spaces"),
        ({"url": "https://a.example", "give_up_after": cdk.Duration.seconds(59)}, "give_up_after must be one minute"),
        ({"url": "https://a.example", "give_up_after": cdk.Duration.days(14)}, "give_up_after must be one minute"),
    ],
)
def test_bad_webhooks_are_refused(stack: cdk.Stack, options: dict[str, Any], rule: str) -> None:
    changes = feedback(stack).publish_changes()
    with pytest.raises(ValueError, match=f"Mail/Feedback/Changes: {rule}"):
        changes.call_webhook("Partner", **options)


def test_a_password_in_a_url_is_refused_and_not_repeated(stack: cdk.Stack) -> None:
    changes = feedback(stack).publish_changes()
    with pytest.raises(ValueError, match="must not hold a user name or a password") as refused:
        changes.call_webhook("Partner", url="https://ann:geheim@a.example")
    assert "geheim" not in str(refused.value)


def test_a_url_known_only_at_deployment_is_let_through() -> None:
    def define(stack: cdk.Stack) -> None:
        url = cdk.CfnParameter(stack, "Url").value_as_string
        feedback(stack).publish_changes().call_webhook("Partner", url=url, give_up_after=cdk.Duration.hours(1))

    function = named(synthesise(define), "AWS::Lambda::Function", "ChangesPartner")["Properties"]
    variables = function["Environment"]["Variables"]
    assert (variables["WEBHOOK_URL"], variables["GIVE_UP_AFTER"]) == ({"Ref": "Url"}, "3600")
