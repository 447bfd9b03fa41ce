"""CloudWatch metrics through the log, without a call: the embedded metric format.

See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys
from collections.abc import Mapping


def publish(namespace: str, dimensions: Mapping[str, str], counts: Mapping[str, int], *, at: int) -> None:
    """Print *counts* for CloudWatch to pick up.

    :param at: milliseconds since the epoch.
    """
    metric = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
    }
    entry = {"_aws": {"Timestamp": at, "CloudWatchMetrics": [metric]}, **dimensions, **counts}
    sys.stdout.write(json.dumps(entry) + "\n")  # in one piece, so that no other output gets in between
