"""A queue, and a function that tells what it runs in."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

app = cdk.App()
stack = cdk.Stack(app, "Tiny")
delay = cdk.Duration.seconds(int(app.node.try_get_context("delay") or 0))
queue = sqs.Queue(stack, "Queue", delivery_delay=delay)
function = lambda_.Function(
    stack,
    "Tell",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_inline(
        "import os\ndef handler(event, context): return {'pid': os.getpid(), 'environment': dict(os.environ)}"
    ),
)
cdk.CfnOutput(stack, "QueueUrl", value=queue.queue_url)
cdk.CfnOutput(stack, "FunctionName", value=function.function_name)
app.synth()
