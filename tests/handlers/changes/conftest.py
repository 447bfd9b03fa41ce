from typing import Any

import pytest

from ses_common import changes
from suppression_changes import handler as publisher

Json = dict[str, Any]


class Queue:
    """The calls to SQS that the handlers make."""

    def __init__(self) -> None:
        self.dead_letters: list[tuple[str, str]] = []
        self.postponed: dict[str, int] = {}
        self.fails = False

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Json]) -> Json:
        assert QueueUrl == "https://queue/dead"
        if self.fails:
            return {"Failed": [{"Id": entry["Id"]} for entry in Entries]}
        for entry in Entries:
            reason = entry["MessageAttributes"]["Reason"]["StringValue"]
            self.dead_letters.append((entry["MessageBody"], reason))
        return {}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        assert QueueUrl == "https://queue/main"
        self.postponed[ReceiptHandle] = VisibilityTimeout

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason in self.dead_letters]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    for name, value in {
        "QUEUE_URL": "https://queue/main",
        "DEAD_LETTER_QUEUE_URL": "https://queue/dead",
        "GIVE_UP_AFTER": "72000",
        "PIPELINE_NAME": "Email-test/Feedback/Changes",
    }.items():
        monkeypatch.setenv(name, value)
    queue = Queue()
    monkeypatch.setattr(changes, "_sqs", lambda: queue)
    monkeypatch.setattr(publisher, "_sqs", lambda: queue)
    return queue
