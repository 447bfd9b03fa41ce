"""Whether SES may do what a receipt rule says. It is tried when the rule is made, and again with every mail.

See https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ses_constructs.lab.server.errors import SesError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.hooks_targets import Bucket
    from ses_constructs.lab.server.receipt_rules import Action


# What SES writes where an S3 action will write, when the action is made.
SETUP = "AMAZON_SES_SETUP_NOTIFICATION"


class Access:
    """SES in front of buckets, topics, functions, keys and identities, on behalf of a rule."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._engine = engine
        self._problems: dict[str, Callable[[Mapping[str, str], str], SesError | None]] = {
            "BounceAction": self._bounce,
            "ConnectAction": self._connect,
            "LambdaAction": self._lambda,
            "S3Action": self._s3,
        }

    def problem(self, action: Action, rule_arn: str) -> SesError | None:
        """Return why SES may not carry out an action, or None; who is told of it is another matter."""
        find = self._problems.get(action.kind)
        return find(action.fields, rule_arn) if find is not None else None

    def topic(self, arn: str, rule_arn: str) -> SesError | None:
        """Return why SES may not publish to a topic, or None."""
        problem = self._engine.publisher.destinations.topics.problem(arn, rule_arn)
        text = f"Could not publish to SNS topic: {arn} ({problem})"
        return SesError("InvalidSnsTopic", text) if problem is not None else None

    def _s3(self, fields: Mapping[str, str], rule_arn: str) -> SesError | None:
        problem = self._bucket_problem(fields, rule_arn)
        text = f"Could not write to bucket: {fields['BucketName']} ({problem})"
        return SesError("InvalidS3Configuration", text) if problem is not None else None

    def _bucket_problem(self, fields: Mapping[str, str], rule_arn: str) -> str | None:
        name, role = fields["BucketName"], fields.get("IamRoleArn")
        bucket = self._emulator.targets.bucket(name)
        if bucket is None:
            return "there is no such bucket"
        if bucket.locks:
            return "SES does not write where object lock has a default retention"
        # SES tries it with an object of its own, which is at the same place as all others.
        probe = f"arn:aws:s3:::{name}/{object_key(fields, SETUP)}"
        if role is not None:
            problem = self._role_problem(role, "s3:PutObject", probe, rule_arn)
        elif not self._emulator.policy_admits_ses(bucket.policy, "s3:PutObject", probe, rule_arn):
            problem = "the bucket's policy does not allow ses.amazonaws.com s3:PutObject"
        else:
            problem = None
        return problem if problem is not None else self._keys_problem(bucket, fields, rule_arn)

    def _keys_problem(self, bucket: Bucket, fields: Mapping[str, str], rule_arn: str) -> str | None:
        own = fields.get("KmsKeyArn")
        if own is not None:
            actions = ["kms:GenerateDataKey", *(["kms:Decrypt"] if bucket.kms_encrypted else [])]
            problem = self._key_problem(own, actions, None, rule_arn)
            if problem is not None:
                return problem
        if not bucket.kms_encrypted:
            return None
        if bucket.key_id is None:
            return "SES cannot use the AWS managed key by which the bucket encrypts"
        return self._key_problem(bucket.key_id, ["kms:GenerateDataKey"], fields.get("IamRoleArn"), rule_arn)

    def _key_problem(self, key_id: str, actions: list[str], role: str | None, rule_arn: str) -> str | None:
        key = self._emulator.key(key_id)
        if key is None:
            return f"there is no key {key_id}"
        for action in actions:
            if role is not None:
                admitted = self._emulator.role_may(role, action, key["Arn"])
            else:
                admitted = self._emulator.policy_admits_ses(key.get("Policy", ""), action, key["Arn"], rule_arn)
            if not admitted:
                return f"the policy of {'the role' if role else 'the key'} does not allow {action} on {key['Arn']}"
        return None

    def _role_problem(self, role: str, action: str, resource: str, rule_arn: str) -> str | None:
        trust = self._emulator.role_trust(role)
        if trust is None or not self._emulator.policy_admits_ses(trust, "sts:AssumeRole", role, rule_arn):
            return f"SES cannot assume the role {role}"
        if not self._emulator.role_may(role, action, resource):
            return f"the role {role} may not {action} on {resource}"
        return None

    def _lambda(self, fields: Mapping[str, str], rule_arn: str) -> SesError | None:
        arn = fields["FunctionArn"]
        policy = self._emulator.targets.function_policy(arn)
        if policy is None:
            problem = "there is no such function in this region"
        elif not self._emulator.policy_admits_ses(policy, "lambda:InvokeFunction", arn, rule_arn):
            problem = "the function's policy does not allow ses.amazonaws.com lambda:InvokeFunction"
        else:
            return None
        return SesError("InvalidLambdaFunction", f"Could not invoke Lambda function: {arn} ({problem})")

    def _bounce(self, fields: Mapping[str, str], rule_arn: str) -> SesError | None:
        return self.sender(fields["Sender"])

    def sender(self, address: str) -> SesError | None:
        """Return why a bounce cannot come from an address, or None."""
        if self._engine.verified_identity(address.rpartition("@")[2], address=address) is not None:
            return None
        return SesError("InvalidParameterValue", f"Sender address is not verified: {address}")

    def _connect(self, fields: Mapping[str, str], rule_arn: str) -> SesError | None:
        instance, role = fields["InstanceARN"], fields["IAMRoleARN"]
        problem = self._role_problem(role, "connect:StartEmailContact", instance, rule_arn)
        text = f"Could not start an email contact in {instance} ({problem})"
        return SesError("InvalidParameterValue", text) if problem is not None else None


def object_key(fields: Mapping[str, str], message_id: str) -> str:
    """Return where SES stores a mail: it puts a slash behind a prefix that has none."""
    prefix = fields.get("ObjectKeyPrefix", "")
    return f"{prefix}{'' if not prefix or prefix.endswith('/') else '/'}{message_id}"
