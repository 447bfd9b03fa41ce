"""Events a second through the pipeline in the lab, against the same way with a function that does nothing; as JSON.

python -m benchmarks.pipeline [--events 4000] [--rounds 3]

From the topic through the queue and the function to the table, and from another topic through another queue to a
function that only says that it is done. Each round publishes to one, waits until its queue is empty, and then to the
other. The medians of both are of this machine, and mostly of the emulator; the ratio is what the handler adds.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.handlers import event  # noqa: E402 - found from here on
from ses_constructs.lab import Lab  # noqa: E402 - likewise

FUNCTIONS = 2
NOTHING = "def handler(event, context):\n    return {'batchItemFailures': []}\n"


def synthesise(out: Path) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_lambda_event_sources as sources
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sns_subscriptions as subscriptions
    from aws_cdk import aws_sqs as sqs

    from ses_constructs import FeedbackPipeline

    app = cdk.App(outdir=str(out))
    stack = cdk.Stack(app, "Bench")
    ours = sns.Topic(stack, "Ours", enforce_ssl=True)
    pipeline = FeedbackPipeline(
        stack, "Feedback", sources=[ours], max_concurrency=FUNCTIONS, removal_policy=cdk.RemovalPolicy.DESTROY
    )
    idle = sns.Topic(stack, "Idle", enforce_ssl=True)
    queue = sqs.Queue(
        stack,
        "IdleQueue",
        encryption_master_key=pipeline.encryption_key,
        enforce_ssl=True,
        visibility_timeout=cdk.Duration.seconds(181),
    )
    idle.add_subscription(subscriptions.SqsSubscription(queue, raw_message_delivery=True))
    function = lambda_.Function(
        stack,
        "IdleFunction",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline(NOTHING),
        memory_size=256,
    )
    source = sources.SqsEventSource(
        queue,
        batch_size=100,
        max_batching_window=cdk.Duration.seconds(1),
        max_concurrency=FUNCTIONS,
        report_batch_item_failures=True,
    )
    function.add_event_source(source)
    outputs = {
        "OursTopic": ours.topic_arn,
        "OursQueue": pipeline.queue.queue_url,
        "IdleTopic": idle.topic_arn,
        "IdleQueueUrl": queue.queue_url,
        "Table": pipeline.table.table_name,
    }
    for name, value in outputs.items():
        cdk.CfnOutput(stack, name, value=value)
    app.synth()


class Way:
    """From a topic to the end of its queue."""

    def __init__(self, lab: Lab, topic_arn: str, queue_url: str) -> None:
        self._lab, self._topic_arn, self._queue_url = lab, topic_arn, queue_url
        self._sns: Any = lab.session().client("sns")
        self._sqs: Any = lab.session().client("sqs")

    def seconds(self, bodies: list[str]) -> float:
        """Return the time from the first publication until all is done."""

        def publish(start: int) -> None:
            entries = [{"Id": str(place), "Message": it} for place, it in enumerate(bodies[start : start + 10])]
            answer = self._sns.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)
            if answer.get("Failed"):
                raise RuntimeError(str(answer["Failed"]))

        started = time.perf_counter()
        with ThreadPoolExecutor(FUNCTIONS) as pool:
            list(pool.map(publish, range(0, len(bodies), 10)))
        self._lab.wait_for(self._is_empty, timeout=300, describe="an empty queue")
        return time.perf_counter() - started

    def _is_empty(self) -> bool:
        found = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["All"])["Attributes"]
        return {found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"]} == {"0"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    events, rounds = arguments.events, arguments.rounds
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        out = Path(folder) / "cdk.out"
        synthesise(out)
        outputs = lab.deploy_assembly(out)["Bench"]
        ours = Way(lab, outputs["OursTopic"], outputs["OursQueue"])
        idle = Way(lab, outputs["IdleTopic"], outputs["IdleQueueUrl"])
        numbers = iter(range(10_000_000))
        for way in (ours, idle):
            way.seconds([event(next(numbers)) for _ in range(400)])  # both functions are warm now
        runs = []
        for _ in range(rounds):
            bodies = [event(next(numbers)) for _ in range(events)]
            runs.append((ours.seconds(bodies), idle.seconds(bodies)))
        table: Any = lab.session().resource("dynamodb").Table(outputs["Table"])
        recorded = _count(table)
        if recorded != 400 + rounds * events:
            raise RuntimeError(f"{recorded} are on the ledger, of {400 + rounds * events}")
    figures = {
        "events a second": round(events / statistics.median(mine for mine, _ in runs)),
        "events a second with a function that does nothing": round(events / statistics.median(it for _, it in runs)),
        "time against that function": {"value": round(statistics.median(a / b for a, b in runs), 2)},
    }
    print(json.dumps(figures, indent=2))


def _count(table: Any) -> int:
    page = table.scan(Select="COUNT", ConsistentRead=True)
    count = int(page["Count"])
    while "LastEvaluatedKey" in page:
        page = table.scan(Select="COUNT", ConsistentRead=True, ExclusiveStartKey=page["LastEvaluatedKey"])
        count += int(page["Count"])
    return count


if __name__ == "__main__":
    main()
