"""The one way to make a function of the library.

See https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html.
"""

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from ses_constructs._kit.assets import handler_code


def make_function(
    scope: Construct,
    id: str,
    *,
    handler: str,
    description: str,
    environment: Mapping[str, str],
    timeout: Duration,
    memory_size: int,
) -> lambda_.Function:
    """Define the function of the bundled handler ``lambda/<handler>/handler.py``, its role and its log group.

    The role starts with one right: to write to its own log group. JSON logs, kept for three months.
    """
    log_group = logs.LogGroup(
        scope, f"{id}Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
    )
    role = iam.Role(scope, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    return lambda_.Function(
        scope,
        id,
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        code=handler_code(handler),
        handler=f"{handler}.handler.handler",
        environment=dict(environment),
        timeout=timeout,
        memory_size=memory_size,
        role=role,
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
    )
