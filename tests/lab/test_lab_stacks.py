"""What CloudFormation does in the lab with the services around SES, where it matters to a mail stack."""

import json
from typing import Any

import pytest

from ses_constructs.lab import LabError
from tests.lab.stage import Stage, create_stack, update_stack

pytestmark = pytest.mark.lab


def subscription(stage: Stage, **more: Any) -> dict[str, Any]:
    endpoint = f"arn:aws:sqs:{stage.lab.region}:{stage.lab.account}:other-{stage.configuration_set}"
    properties = {"TopicArn": stage.topic_arn, "Protocol": "sqs", "Endpoint": endpoint, **more}
    return {"Type": "AWS::SNS::Subscription", "Properties": properties}


def test_a_subscription_that_is_there_is_the_same_one_so_renaming_its_resource_deletes_it(stage: Stage) -> None:
    name = f"Subscription-{stage.configuration_set}"
    before = create_stack(stage.lab, {"Old": subscription(stage)}, name=name)
    after = update_stack(stage.lab, name, {"New": subscription(stage)})
    assert after["New"] == before["Old"]
    sns = stage.client("sns")
    left = [it["SubscriptionArn"] for it in sns.list_subscriptions_by_topic(TopicArn=stage.topic_arn)["Subscriptions"]]
    assert after["New"] not in left


def test_a_subscription_that_is_there_with_other_attributes_is_refused(stage: Stage) -> None:
    create_stack(stage.lab, {"One": subscription(stage)})
    with pytest.raises(LabError, match="already exists with different attributes"):
        create_stack(stage.lab, {"Two": subscription(stage, RawMessageDelivery=True)})


def test_a_subscription_moves_to_another_endpoint(stage: Stage) -> None:
    name = f"Subscription-{stage.configuration_set}"
    create_stack(stage.lab, {"One": subscription(stage)}, name=name)
    moved = f"arn:aws:sqs:{stage.lab.region}:{stage.lab.account}:moved-{stage.configuration_set}"
    after = update_stack(stage.lab, name, {"One": subscription(stage, Endpoint=moved)})
    found = stage.client("sns").list_subscriptions_by_topic(TopicArn=stage.topic_arn)["Subscriptions"]
    endpoints = {it["SubscriptionArn"]: it["Endpoint"] for it in found}
    assert endpoints[after["One"]] == moved
    assert len(endpoints) == 2  # with the stage's own


@pytest.mark.parametrize("kind", ["Table", "GlobalTable"])
def test_a_protected_table_is_not_deleted_with_its_stack(stage: Stage, kind: str) -> None:
    name = f"{kind}-{stage.configuration_set}"
    protected: dict[str, Any] = {"DeletionProtectionEnabled": True}
    if kind == "GlobalTable":
        protected = {"Replicas": [{"Region": stage.lab.region, "DeletionProtectionEnabled": True}]}
    table = {
        "Type": f"AWS::DynamoDB::{kind}",
        "Properties": {
            "AttributeDefinitions": [{"AttributeName": "address", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "address", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            **protected,
        },
    }
    created = create_stack(stage.lab, {"Table": table}, name=name)
    with pytest.raises(LabError, match="protected against deletion"):
        stage.lab.delete_stack(name)
    dynamodb = stage.client("dynamodb")
    assert dynamodb.describe_table(TableName=created["Table"])["Table"]["DeletionProtectionEnabled"] is True
    dynamodb.update_table(TableName=created["Table"], DeletionProtectionEnabled=False)
    stage.lab.delete_stack(name)
    assert created["Table"] not in dynamodb.list_tables()["TableNames"]


def test_a_change_of_outputs_alone_is_a_change(stage: Stage) -> None:
    name = f"Outputs-{stage.configuration_set}"
    resources = {"Queue": {"Type": "AWS::SQS::Queue"}}
    create_stack(stage.lab, resources, name=name, outputs={"One": {"Value": "1"}})
    cloudformation = stage.client("cloudformation")

    def change(outputs: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"Resources": resources, "Outputs": outputs})
        made = cloudformation.create_change_set(StackName=name, ChangeSetName=f"c{len(outputs)}", TemplateBody=body)
        return dict(cloudformation.describe_change_set(ChangeSetName=made["Id"]))

    assert change({"One": {"Value": "1"}})["Status"] == "FAILED"
    changed = change({"One": {"Value": "1"}, "Two": {"Value": "2"}})
    assert (changed["Status"], changed["Changes"]) == ("CREATE_COMPLETE", [])
    cloudformation.execute_change_set(ChangeSetName=changed["ChangeSetId"])

    def outputs() -> list[str] | None:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return [it["OutputKey"] for it in stack["Outputs"]] if stack["StackStatus"] == "UPDATE_COMPLETE" else None

    assert stage.lab.wait_for(outputs, timeout=10, describe="the update") == ["One", "Two"]
