"""What the tests of receiving share: a domain that mail can come to, and somewhere to look for it."""

from __future__ import annotations

import io
import json
import smtplib
import ssl
import uuid
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING, Any

from tests.lab.stage import allow_ses, client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ses_constructs.lab import Lab, LabReceived
    from tests.lab.stage import Stage

Json = dict[str, Any]

# Says in its log whatever it is called with, and answers what its environment says.
_FUNCTION = """
import json, os

def handler(event, context):
    print("CALLED " + json.dumps(event))
    if os.environ["ANSWER"] == "fail":
        raise RuntimeError("on purpose")
    return json.loads(os.environ["ANSWER"])
"""


@dataclass
class Reception:
    """A verified domain, and the active rule set."""

    lab: Lab
    domain: str
    rule_set: str
    made: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return client(self.lab, service)

    @property
    def recipient(self) -> str:
        return f"ann@{self.domain}"

    def rule(self, *actions: Json, name: str | None = None, **properties: Any) -> str:
        """Add a rule behind those that are there."""
        name = name if name is not None else f"rule-{len(self.made) + 1}"
        after = {"After": self.made[-1]} if self.made else {}
        rule = {"Name": name, "Enabled": True, "ScanEnabled": True, "Actions": list(actions), **properties}
        self.client("ses").create_receipt_rule(RuleSetName=self.rule_set, Rule=rule, **after)
        self.made.append(name)
        return name

    def allowed(self, resource: str, action: str) -> str:
        return allow_ses(resource, action, AWS_SourceAccount=self.lab.account, AWS_SourceArn=self.arn("rule-1"))

    def arn(self, rule: str) -> str:
        place = f"{self.lab.region}:{self.lab.account}"
        return f"arn:aws:ses:{place}:receipt-rule-set/{self.rule_set}:receipt-rule/{rule}"

    def bucket(self, *, policy: str | None = None) -> str:
        """Return a bucket that the first rule may write to."""
        name = f"mail-{uuid.uuid4().hex[:12]}"
        self.client("s3").create_bucket(Bucket=name)
        policy = policy if policy is not None else self.allowed(f"arn:aws:s3:::{name}/*", "s3:PutObject")
        self.client("s3").put_bucket_policy(Bucket=name, Policy=policy)
        return name

    def objects(self, bucket: str) -> dict[str, bytes]:
        """The mails in a bucket, without what SES writes when the action is made."""
        s3 = self.client("s3")
        keys = [it["Key"] for it in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        mails = (key for key in keys if not key.endswith("AMAZON_SES_SETUP_NOTIFICATION"))
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in mails}

    def function(self, answer: object = None, *, permission: bool = True) -> str:
        """Return a function that the first rule may call."""
        name = f"function-{uuid.uuid4().hex[:8]}"
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.writestr("index.py", _FUNCTION)
        role = f"arn:aws:iam::{self.lab.account}:role/any"
        functions = self.client("lambda")
        made = functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": archive.getvalue()},
            Environment={"Variables": {"ANSWER": answer if answer == "fail" else json.dumps(answer)}},
        )
        if permission:
            functions.add_permission(
                FunctionName=name,
                StatementId="ses",
                Action="lambda:InvokeFunction",
                Principal="ses.amazonaws.com",
                SourceAccount=self.lab.account,
                SourceArn=self.arn("*"),
            )
        return str(made["FunctionArn"])

    def calls(self, function_arn: str, count: int = 1) -> list[Json]:
        """The events in the log of a function."""
        logs, group = self.client("logs"), f"/aws/lambda/{function_arn.rpartition(':')[2]}"

        def called() -> list[Json] | None:
            if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
                return None
            lines = [it["message"] for it in logs.filter_log_events(logGroupName=group)["events"]]
            found = [json.loads(line.partition("CALLED ")[2]) for line in lines if "CALLED " in line]
            return found if len(found) >= count else None

        return self.lab.wait_for(called, timeout=20, describe="the function's log")

    def mail(self, *, headers: dict[str, str] | None = None, text: str = "Hello.") -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "Bo <bo@sender.example>", "somebody", "Hello"
        for name, value in (headers or {}).items():
            message[name] = value
        message.set_content(text)
        return message

    def receive(self, *recipients: str, message: EmailMessage | None = None, **options: Any) -> LabReceived:
        """Bring a mail to the MX port, and return what became of it."""
        with self.smtp(**options) as smtp:
            smtp.sendmail("bo@sender.example", recipients, (message or self.mail()).as_bytes(policy=SMTP))
        return self.lab.received()[-1]

    @contextmanager
    def smtp(self, *, address: str | None = None, tls: bool = False) -> Iterator[smtplib.SMTP]:
        with smtplib.SMTP(*self.lab.mx, local_hostname="mx.sender.example", timeout=40) as smtp:
            smtp.ehlo()
            if address is not None:
                assert smtp.docmd("XCLIENT", f"ADDR={address}")[0] == 220
            if tls:
                smtp.starttls(context=ssl.create_default_context(cafile=str(self.lab.ca_certificate)))
            yield smtp

    def refused(self, recipient: str, **options: Any) -> tuple[int, str]:
        """Return what SMTP says to a recipient that is not accepted."""
        with self.smtp(**options) as smtp:
            smtp.mail("bo@sender.example")
            code, said = smtp.rcpt(recipient)
        assert code != 250
        return code, said.decode()


def told(stage: Stage, count: int = 1) -> list[Json]:
    """The notifications that have reached the queue since it was last looked at."""
    return [json.loads(envelope["Message"]) for envelope in stage.received(count)]
