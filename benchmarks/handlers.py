"""What the feedback handler costs, as ratios, printed as JSON.

python benchmarks/handlers.py [--rounds 9]

- ready: a fresh process that imports the handler and makes its DynamoDB client, against one that imports boto3 and
  makes a client. Medians of runs in turn.
- core: a bounce read, decided and found on the ledger already, against `json.loads` of the same body.
- calls: to DynamoDB for 1,000 hard bounces of different recipients, in batches of 100.

Targets are in the output beside the figures.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

LAMBDA = Path(__file__).resolve().parent.parent / "lambda"
OURS = "from feedback.handler import _dynamodb; _dynamodb()"
BARE = "import boto3; boto3.client('dynamodb')"
LOOPS = 500


def event(number: int) -> str:
    """Return a hard bounce as SES publishes it: 2 KB with the usual headers and tags."""
    recipient = f"customer{number}@example.net"
    message_id = f"0102019cafe0beef-00000000-0000-4000-8000-{number:012}-000000"
    headers = {
        "From": "Example Shop <orders@shop.example.com>",
        "To": recipient,
        "Subject": "Your order is on its way",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="----=_Part_4711_1234567890.1772439330120"',
        "List-Unsubscribe": "<https://shop.example.com/unsubscribe?token=2b7e151628aed2a6abf7158809cf4f3c>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    document = {
        "eventType": "Bounce",
        "bounce": {
            "feedbackId": "0102019cafe0c0de-5e5c0de1-7a11-4b0b-9d3e-2f6a11c0ffee-000000",
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {
                    "emailAddress": recipient,
                    "action": "failed",
                    "status": "5.1.1",
                    "diagnosticCode": f"smtp; 550 5.1.1 <{recipient}>: Recipient address rejected: User unknown",
                }
            ],
            "timestamp": "2026-03-02T08:15:33.907Z",
            "reportingMTA": "dns; b224-13.smtp-out.eu-central-1.amazonses.com",
        },
        "mail": {
            "timestamp": "2026-03-02T08:15:30.120Z",
            "source": headers["From"],
            "sourceArn": "arn:aws:ses:eu-central-1:111122223333:identity/shop.example.com",
            "sendingAccountId": "111122223333",
            "messageId": message_id,
            "destination": [recipient],
            "headersTruncated": False,
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            "commonHeaders": {
                "from": [headers["From"]],
                "to": [recipient],
                "messageId": message_id,
                "subject": headers["Subject"],
            },
            "tags": {
                "ses:source-tls-version": ["TLSv1.3"],
                "ses:operation": ["SendEmail"],
                "ses:configuration-set": ["shop"],
                "ses:source-ip": ["198.51.100.7"],
                "ses:from-domain": ["shop.example.com"],
                "ses:caller-identity": ["shop"],
            },
        },
    }
    return json.dumps(document) + "\n"


def ready(rounds: int) -> float:
    """Return the median ratio of the time from the start of a process to its client."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "AWS_PROFILE")
    } | {
        "PYTHONPATH": str(LAMBDA),
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }

    def seconds(code: str) -> float:
        command = [sys.executable, "-c", code]
        return timeit.timeit(lambda: subprocess.run(command, env=environment, check=True), number=1)

    seconds(OURS), seconds(BARE)  # writes the byte code
    return statistics.median(seconds(OURS) / seconds(BARE) for _ in range(rounds))


def core(rounds: int) -> float:
    """Return the ratio of the best times, which are those that nothing else on the machine disturbed."""
    from feedback.core import read
    from feedback.items import SoftBounces, merge

    body = event(1)
    rule = SoftBounces(5, 30 * 86_400)
    known = merge(None, read(body, "", soft_bounces_count=True).facts, rule)

    def decide() -> None:
        for fact in read(body, "", soft_bounces_count=True).facts:
            if merge(known, [fact], rule) != known:
                raise AssertionError("the event is on the ledger already")

    def best(work: Callable[[], object]) -> float:
        return min(timeit.repeat(work, number=LOOPS, repeat=20 * rounds))

    return best(decide) / best(lambda: json.loads(body))


def calls() -> int:
    """Count the calls that the ledger makes."""
    from feedback.core import read
    from feedback.items import SoftBounces
    from feedback.ledger import Ledger

    count = 0

    class Client:
        def batch_get_item(self, **request: Any) -> dict[str, Any]:
            nonlocal count
            count += 1
            return {"Responses": {}}

        def batch_execute_statement(self, **request: Any) -> dict[str, Any]:
            nonlocal count
            count += 1
            return {"Responses": [{} for _ in request["Statements"]]}

    client: Any = Client()
    ledger = Ledger(client, "suppressions", SoftBounces(5, 30 * 86_400))
    for start in range(0, 1000, 100):
        bodies = [event(number) for number in range(start, start + 100)]
        if ledger.record(fact for body in bodies for fact in read(body, "", soft_bounces_count=True).facts):
            raise AssertionError("everything can be written here")
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    sys.path.insert(0, str(LAMBDA))
    figures = {
        "handler ready against a bare boto3 client": {"value": round(ready(rounds), 3), "target": 1.00},
        "one event decided against json.loads of it": {"value": round(core(rounds), 3), "target": 2.0},
        "DynamoDB calls for 1,000 hard bounces": {"value": calls(), "target": 60},
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
