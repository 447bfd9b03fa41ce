import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ses_constructs.lab import Lab
from tests.lab.reception import Reception
from tests.lab.stage import Stage, allow_ses
from tests.lab.zones import Zone


@pytest.fixture
def stage(ses_lab: Lab) -> Stage:
    session = ses_lab.session()
    unique = uuid.uuid4().hex[:8]
    domain, name = f"d{unique}.example.com", f"set-{unique}"
    session.client("sesv2").create_email_identity(EmailIdentity=domain)
    session.client("sesv2").create_configuration_set(ConfigurationSetName=name)
    sns, sqs = session.client("sns"), session.client("sqs")
    topic_arn = sns.create_topic(Name=f"topic-{unique}")["TopicArn"]
    sns.set_topic_attributes(
        TopicArn=topic_arn,
        AttributeName="Policy",
        AttributeValue=allow_ses(topic_arn, "sns:Publish", AWS_SourceAccount=ses_lab.account),
    )
    queue_url = sqs.create_queue(QueueName=f"queue-{unique}")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
    return Stage(ses_lab, domain, name, topic_arn, queue_url)


@pytest.fixture
def zone(ses_lab: Lab, tmp_path: Path) -> Iterator[Zone]:
    zone = Zone(ses_lab, tmp_path)
    yield zone
    zone.destroy()


@pytest.fixture
def reception(ses_lab: Lab) -> Iterator[Reception]:
    unique = uuid.uuid4().hex[:8]
    made = Reception(ses_lab, f"r{unique}.example.com", f"rules-{unique}")
    made.client("sesv2").create_email_identity(EmailIdentity=made.domain)
    ses = made.client("ses")
    ses.create_receipt_rule_set(RuleSetName=made.rule_set)
    ses.set_active_receipt_rule_set(RuleSetName=made.rule_set)
    yield made
    ses.set_active_receipt_rule_set()
    ses.delete_receipt_rule_set(RuleSetName=made.rule_set)
