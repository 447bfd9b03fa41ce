"""Records of the ledger's stream, and the events and queue messages that come of them."""

import itertools
import json
import time
from typing import Any

Json = dict[str, Any]

TABLE_ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/Ledger"
_numbers = itertools.count(4_000_000_001)


def item(status: str | None = "SUPPRESSED", reason: str | None = "BOUNCE", **more: Any) -> Json:
    """An item of the ledger in DynamoDB's notation; without a value, without the attribute."""
    values: Json = {
        "address": "ann@example.com",
        "scope": "account",
        "original_address": "Ann <Ann@example.com>",
        "status": status,
        "reason": reason,
        "bounce_type": "Permanent",
        "bounce_sub_type": "General",
        "echo": False,
        "first_seen_at": "2026-03-02T08:15:33.907Z",
        "last_seen_at": "2026-03-02T08:15:33.907Z",
        "version": 1,
        **more,
    }
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def _attribute(value: Any) -> Json:
    kind = "BOOL" if isinstance(value, bool) else "N" if isinstance(value, int) else "S"
    return {kind: str(value) if kind == "N" else value}


def record(old: Json | None, new: Json | None, *, ttl: bool = False, age: float = 0) -> Json:
    number = next(_numbers)
    content: Json = {
        "ApproximateCreationDateTime": int(time.time() - age),
        "Keys": {},
        "SequenceNumber": str(number),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if old is not None:
        content["OldImage"] = old
    if new is not None:
        content["NewImage"] = new
    found: Json = {
        "eventID": f"{number:032x}",
        "eventName": "REMOVE" if new is None else "MODIFY" if old is not None else "INSERT",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": f"{TABLE_ARN}/stream/2026-03-02T08:15:33.907",
        "dynamodb": content,
    }
    if ttl:
        found["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return found


def event(detail_type: str = "Address Suppressed", **detail: Any) -> Json:
    """What a rule of EventBridge puts into a queue."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": detail_type,
        "source": "ses-constructs.feedback",
        "account": "111122223333",
        "time": "2026-03-02T08:15:34Z",
        "region": "eu-west-1",
        "resources": [TABLE_ARN],
        "detail": {
            "version": "1",
            "id": "c81e728d9d4c2f636f067f89cc14862c",
            "address": "ann@example.com",
            "originalAddress": "Ann <Ann@example.com>",
            "scope": "account",
            "previous": None,
            **detail,
        },
    }


def messages(*bodies: Json | str, receives: int = 1, age: float = 0, first: int = 0) -> Json:
    """What Lambda hands on from a queue."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"handle-{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": str(receives),
                    "SentTimestamp": str(int((time.time() - age) * 1000)),
                },
            }
            for number, body in enumerate(bodies, start=first)
        ]
    }
