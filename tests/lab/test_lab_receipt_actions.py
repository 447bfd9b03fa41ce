"""What the actions of receipt rules do in the lab, and what SES must be allowed for each of them."""

import base64
import email
import email.policy
import json
import uuid
from email.policy import SMTP
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ses_constructs.lab import LabReceived
from tests.lab.reception import Json, Reception, told
from tests.lab.stage import Stage, allow_ses

pytestmark = pytest.mark.lab

SETUP = "AMAZON_SES_SETUP_NOTIFICATION"


def refusal(reception: Reception, action: Json) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        reception.rule(action)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def only(received: LabReceived) -> Json:
    """The one action, which came true."""
    (action,) = received.actions
    assert action.error is None
    return dict(action.action)


# S3


@pytest.mark.parametrize(("prefix", "place"), [(None, ""), ("mail", "mail/"), ("mail/", "mail/")])
def test_a_mail_is_stored_below_the_prefix_with_ses_header_fields_on_top(
    reception: Reception, prefix: str | None, place: str
) -> None:
    bucket = reception.bucket()
    reception.rule({"S3Action": {"BucketName": bucket, **({"ObjectKeyPrefix": prefix} if prefix else {})}})
    received = reception.receive(reception.recipient, address="203.0.113.9")
    ((key, content),) = reception.objects(bucket).items()
    assert key == f"{place}{received.message_id}"
    assert only(received)["objectKey"] == key
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message.keys()[:7] == [
        "Return-Path",
        "Received",
        "X-SES-Spam-Verdict",
        "X-SES-Virus-Verdict",
        "Received-SPF",
        "Authentication-Results",
        "X-SES-RECEIPT",
    ]
    assert "from mx.sender.example (mx.sender.example [203.0.113.9]) by inbound-smtp.us-east-1" in message["Received"]
    assert message.get_content() == "Hello.\r\n"


def test_making_the_action_leaves_an_object_and_tells_the_topic(reception: Reception, stage: Stage) -> None:
    bucket = reception.bucket()
    reception.rule({"S3Action": {"BucketName": bucket, "ObjectKeyPrefix": "mail", "TopicArn": stage.topic_arn}})
    reception.client("s3").head_object(Bucket=bucket, Key=f"mail/{SETUP}")
    (document,) = told(stage)
    assert document["notificationType"] == "Received"
    assert document["mail"]["messageId"] == SETUP
    assert document["receipt"]["action"]["objectKey"] == f"mail/{SETUP}"


def test_the_topic_of_the_action_is_told_where_the_mail_is_but_not_what_is_in_it(
    reception: Reception, stage: Stage
) -> None:
    bucket = reception.bucket()
    reception.rule({"S3Action": {"BucketName": bucket, "ObjectKeyPrefix": "mail", "TopicArn": stage.topic_arn}})
    told(stage)
    received = reception.receive(reception.recipient)
    (envelope,) = stage.received(1)
    assert envelope["Subject"] == "Amazon SES Email Receipt Notification"
    document = json.loads(envelope["Message"])
    assert set(document) == {"notificationType", "mail", "receipt"}
    assert document["receipt"]["action"] == {
        "type": "S3",
        "topicArn": stage.topic_arn,
        "bucketName": bucket,
        "objectKeyPrefix": "mail",
        "objectKey": f"mail/{received.message_id}",
    }


@pytest.mark.parametrize("wrong", ["no bucket", "no policy", "another account", "another rule"])
def test_a_bucket_that_does_not_let_ses_in_is_refused_when_the_rule_is_made(reception: Reception, wrong: str) -> None:
    bucket = reception.bucket() if wrong != "no bucket" else "there-is-no-such-bucket"
    resource = f"arn:aws:s3:::{bucket}/*"
    s3 = reception.client("s3")
    if wrong == "no policy":
        s3.delete_bucket_policy(Bucket=bucket)
    if wrong == "another account":
        s3.put_bucket_policy(
            Bucket=bucket, Policy=allow_ses(resource, "s3:PutObject", AWS_SourceAccount="111111111111")
        )
    if wrong == "another rule":
        s3.put_bucket_policy(
            Bucket=bucket, Policy=allow_ses(resource, "s3:PutObject", AWS_SourceArn=reception.arn("other"))
        )
    code, message = refusal(reception, {"S3Action": {"BucketName": bucket}})
    assert code == "InvalidS3Configuration"
    assert message.startswith(f"Could not write to bucket: {bucket}")


def test_a_bucket_that_locks_new_objects_is_refused(reception: Reception) -> None:
    bucket, s3 = f"locked-{uuid.uuid4().hex[:8]}", reception.client("s3")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    retention = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=reception.allowed(f"arn:aws:s3:::{bucket}/*", "s3:PutObject"))
    code, message = refusal(reception, {"S3Action": {"BucketName": bucket}})
    assert (code, "object lock" in message) == ("InvalidS3Configuration", True)


def make_key(reception: Reception, *actions: str) -> str:
    owner = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:PutKeyPolicy", "Resource": "*"}
    policy = json.loads(reception.allowed("*", list(actions))) if actions else {"Statement": []}  # type: ignore[arg-type]  # a list works too
    policy["Statement"].append(owner)
    made = reception.client("kms").create_key(Policy=json.dumps(policy))
    return str(made["KeyMetadata"]["Arn"])


def encrypt(reception: Reception, bucket: str, **by: str) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", **by}}
    reception.client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def test_the_key_of_an_encrypted_bucket_must_let_ses_in(reception: Reception) -> None:
    bucket = reception.bucket()
    encrypt(reception, bucket)
    assert "AWS managed key" in refusal(reception, {"S3Action": {"BucketName": bucket}})[1]
    encrypt(reception, bucket, KMSMasterKeyID=make_key(reception))
    assert "does not allow kms:GenerateDataKey" in refusal(reception, {"S3Action": {"BucketName": bucket}})[1]
    encrypt(reception, bucket, KMSMasterKeyID=make_key(reception, "kms:GenerateDataKey*", "kms:Decrypt"))
    reception.rule({"S3Action": {"BucketName": bucket}})
    only(reception.receive(reception.recipient))
    assert len(reception.objects(bucket)) == 1


def test_a_mail_that_ses_encrypts_itself_is_for_the_encryption_client_alone(reception: Reception) -> None:
    bucket = reception.bucket()
    action = {"BucketName": bucket, "KmsKeyArn": make_key(reception)}
    assert refusal(reception, {"S3Action": action})[0] == "InvalidS3Configuration"
    key = make_key(reception, "kms:GenerateDataKey*")
    reception.rule({"S3Action": {**action, "KmsKeyArn": key}})
    received = reception.receive(reception.recipient)
    stored = reception.client("s3").get_object(Bucket=bucket, Key=received.message_id)
    content, about = stored["Body"].read(), stored["Metadata"]
    assert b"Hello" not in content
    assert (about["x-amz-wrap-alg"], about["x-amz-cek-alg"]) == ("kms", "AES/GCM/NoPadding")
    data_key = reception.client("kms").decrypt(
        CiphertextBlob=base64.b64decode(about["x-amz-key-v2"]),
        EncryptionContext=json.loads(about["x-amz-matdesc"]),
    )["Plaintext"]
    assert AESGCM(data_key).decrypt(base64.b64decode(about["x-amz-iv"]), content, None) == received.raw


def make_role(reception: Reception, name: str) -> str:
    trust = json.loads(reception.allowed("*", "sts:AssumeRole"))
    del trust["Statement"][0]["Resource"]
    made = reception.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    return str(made["Role"]["Arn"])


def allow(iam: Any, role: str, action: str, resource: str) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="allow", PolicyDocument=document)


def test_a_role_writes_in_place_of_the_bucket_policy(reception: Reception) -> None:
    bucket, iam = f"elsewhere-{uuid.uuid4().hex[:8]}", reception.client("iam")
    reception.client("s3").create_bucket(Bucket=bucket)
    name = f"ses-{uuid.uuid4().hex[:8]}"
    role = make_role(reception, name)
    action = {"S3Action": {"BucketName": bucket, "IamRoleArn": role}}
    assert f"the role {role} may not s3:PutObject" in refusal(reception, action)[1]
    allow(iam, name, "s3:PutObject", f"arn:aws:s3:::{bucket}/*")
    reception.rule(action)
    only(reception.receive(reception.recipient))
    assert len(reception.objects(bucket)) == 1


# SNS


@pytest.mark.parametrize(("encoding", "written"), [("UTF-8", "UTF8"), ("Base64", "BASE64"), (None, "UTF8")])
def test_a_topic_gets_the_whole_mail(reception: Reception, stage: Stage, encoding: str | None, written: str) -> None:
    action = {"TopicArn": stage.topic_arn, **({"Encoding": encoding} if encoding else {})}
    reception.rule({"SNSAction": action})
    (test,) = told(stage)
    assert test["notificationType"] == "AmazonSnsSubscriptionSucceeded"
    received = reception.receive(reception.recipient)
    (document,) = told(stage)
    assert document["receipt"]["action"] == {"type": "SNS", "topicArn": stage.topic_arn, "encoding": written}
    content = document["content"]
    assert (base64.b64decode(content) if encoding == "Base64" else content.encode()) == received.raw


def test_a_mail_above_150_kb_bounces_at_a_topic(reception: Reception, stage: Stage) -> None:
    reception.rule({"SNSAction": {"TopicArn": stage.topic_arn}})
    told(stage)
    received = reception.receive(reception.recipient, message=reception.mail(text="word " * 32 * 1024))
    assert "more than 153600 bytes" in (received.actions[0].error or "")
    bounce = reception.lab.messages()[-1]
    assert (bounce.via, list(bounce.recipients)) == ("receiving", ["bo@sender.example"])
    assert b"Status: 5.3.4" in bounce.raw


def test_a_topic_that_does_not_let_ses_in_is_refused_and_later_noted(reception: Reception, stage: Stage) -> None:
    sns = stage.client("sns")
    topic = sns.create_topic(Name=f"closed-{uuid.uuid4().hex[:8]}")["TopicArn"]
    other = allow_ses(topic, "sns:Publish", AWS_SourceArn=stage.source_arn())
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=other)
    for action in (
        {"SNSAction": {"TopicArn": topic}},
        {"StopAction": {"Scope": "RuleSet", "TopicArn": topic}},
    ):
        code, message = refusal(reception, action)
        assert code == "InvalidSnsTopic"
        assert message.startswith(f"Could not publish to SNS topic: {topic}")
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=reception.allowed(topic, "sns:Publish")
    )
    reception.rule({"SNSAction": {"TopicArn": topic}})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=other)
    (action_done,) = reception.receive(reception.recipient).actions
    assert "Could not publish" in (action_done.error or "")


# Lambda


@pytest.mark.parametrize("invocation", ["Event", "RequestResponse"])
def test_a_function_gets_everything_but_the_body(reception: Reception, invocation: str) -> None:
    function = reception.function()
    reception.rule({"LambdaAction": {"FunctionArn": function, "InvocationType": invocation}})
    received = reception.receive(reception.recipient)
    (event,) = reception.calls(function)
    (record,) = event["Records"]
    assert (record["eventSource"], record["eventVersion"], set(record["ses"])) == (
        "aws:ses",
        "1.0",
        {"mail", "receipt"},
    )
    assert record["ses"]["receipt"]["action"] == {
        "type": "Lambda",
        "functionArn": function,
        "invocationType": invocation,
    }
    assert record["ses"]["mail"]["messageId"] == received.message_id
    assert "Hello." not in json.dumps(event)


def test_a_function_that_may_not_be_called_is_refused(reception: Reception) -> None:
    for function in (reception.function(permission=False), f"arn:aws:lambda:us-east-1:{'0' * 12}:function:missing"):
        code, message = refusal(reception, {"LambdaAction": {"FunctionArn": function}})
        assert code == "InvalidLambdaFunction"
        assert message.startswith(f"Could not invoke Lambda function: {function}")


# Bounce, header, and what is only noted


def test_a_bounce_goes_back_to_the_sender_in_the_words_of_the_rule(reception: Reception, stage: Stage) -> None:
    action = {
        "Sender": f"postmaster@{reception.domain}",
        "SmtpReplyCode": "550",
        "StatusCode": "5.1.1",
        "Message": "Mailbox does not exist",
        "TopicArn": stage.topic_arn,
    }
    reception.rule({"BounceAction": action})
    told(stage)
    message = reception.mail(headers={"Message-ID": "<one@sender.example>"})
    reception.receive(reception.recipient, message=message)
    (document,) = told(stage)
    assert document["receipt"]["action"]["type"] == "Bounce"
    bounce = reception.lab.messages()[-1]
    assert (bounce.source, list(bounce.recipients)) == (action["Sender"], ["bo@sender.example"])
    report = email.message_from_bytes(bounce.raw, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    assert (report["In-Reply-To"], report["Auto-Submitted"]) == ("<one@sender.example>", "auto-replied")
    assert f"Final-Recipient: rfc822; {reception.recipient}".encode() in bounce.raw
    assert b"Diagnostic-Code: smtp; 550 5.1.1 Mailbox does not exist" in bounce.raw


def test_a_mail_without_a_sender_is_never_bounced(reception: Reception) -> None:
    sender = f"postmaster@{reception.domain}"
    reception.rule({"BounceAction": {"Sender": sender, "SmtpReplyCode": "550", "Message": "No"}})
    before = len(reception.lab.messages())
    with reception.smtp() as smtp:
        smtp.sendmail("", [reception.recipient], reception.mail().as_bytes(policy=SMTP))
    assert "no envelope sender" in (reception.lab.received()[-1].actions[0].error or "")
    assert len(reception.lab.messages()) == before


def test_whatever_is_in_the_header_of_a_mail_can_be_bounced(reception: Reception) -> None:
    sender = f"postmaster@{reception.domain}"
    reception.rule({"BounceAction": {"Sender": sender, "SmtpReplyCode": "552", "Message": "Zu groß"}})
    with reception.smtp() as smtp:
        header = b"Message-ID: <one\r\n\ttwo\xff@sender.example>\r\nSubject: \xe4\r\nno field\r\n"
        smtp.sendmail("bo@sender.example", [reception.recipient], header + b"\r\nHello\r\n")
    assert reception.lab.received()[-1].actions[0].error is None
    report = email.message_from_bytes(reception.lab.messages()[-1].raw, policy=email.policy.default)
    assert report["In-Reply-To"] == "<one two?@sender.example>"
    assert [part.get_content_type() for part in report.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]


def test_a_bounce_comes_from_a_verified_address_only(reception: Reception) -> None:
    action = {"Sender": "who@elsewhere.example", "SmtpReplyCode": "550", "Message": "No"}
    assert refusal(reception, {"BounceAction": action})[0] == "InvalidParameterValue"


def test_a_program_can_bounce_what_was_received(reception: Reception) -> None:
    reception.rule({"AddHeaderAction": {"HeaderName": "X-Seen", "HeaderValue": "yes"}})
    received = reception.receive(reception.recipient)
    request: dict[str, Any] = {
        "OriginalMessageId": received.message_id,
        "BounceSender": f"postmaster@{reception.domain}",
        "Explanation": "We have moved.",
        "BouncedRecipientInfoList": [{"Recipient": reception.recipient, "BounceType": "DoesNotExist"}],
    }
    ses = reception.client("ses")
    sent = ses.send_bounce(**request)
    bounce = reception.lab.messages()[-1]
    assert (bounce.message_id, bounce.via) == (sent["MessageId"], "v1")
    assert b"We have moved." in bounce.raw
    for wrong in ({"OriginalMessageId": "unknown"}, {"BounceSender": "who@elsewhere.example"}):
        with pytest.raises(ClientError, match="MessageRejected"):
            ses.send_bounce(**{**request, **wrong})


def test_an_added_header_is_in_later_copies(reception: Reception) -> None:
    bucket = reception.bucket()
    reception.rule(
        {"S3Action": {"BucketName": bucket, "ObjectKeyPrefix": "before"}},
        {"AddHeaderAction": {"HeaderName": "X-Queue", "HeaderValue": "support"}},
        {"S3Action": {"BucketName": bucket, "ObjectKeyPrefix": "after"}},
    )
    received = reception.receive(reception.recipient)
    stored = reception.objects(bucket)
    assert b"X-Queue" not in stored[f"before/{received.message_id}"]
    assert b"\r\nX-Queue: support\r\n" in stored[f"after/{received.message_id}"]


def test_work_mail_is_noted_and_its_topic_told(reception: Reception, stage: Stage) -> None:
    organization = f"arn:aws:workmail:us-east-1:{reception.lab.account}:organization/m-1"
    reception.rule({"WorkmailAction": {"OrganizationArn": organization, "TopicArn": stage.topic_arn}})
    told(stage)
    assert only(reception.receive(reception.recipient))["type"] == "WorkMail"
    (document,) = told(stage)
    assert document["receipt"]["action"]["organizationArn"] == organization


def test_connect_is_noted_if_ses_may_assume_its_role(reception: Reception) -> None:
    iam, name = reception.client("iam"), f"connect-{uuid.uuid4().hex[:8]}"
    instance = f"arn:aws:connect:us-east-1:{reception.lab.account}:instance/i-1"
    role = make_role(reception, name)
    action = {"ConnectAction": {"InstanceARN": instance, "IAMRoleARN": role}}
    assert refusal(reception, action)[0] == "InvalidParameterValue"
    allow(iam, name, "connect:StartEmailContact", instance)
    reception.rule(action)
    assert only(reception.receive(reception.recipient)) == {
        "type": "Connect",
        "instanceArn": instance,
        "iamRoleArn": role,
    }
