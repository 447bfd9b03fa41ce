"""Tables of JSON or Parquet in S3 and those who ask them: Glue, an Athena workgroup, saved queries, and permissions.

See https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html and
https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, Size, Stack, Token
from aws_cdk import aws_athena as athena
from aws_cdk import aws_iam as iam
from constructs import Construct

from ses_constructs._kit.checks import fail, is_token
from ses_constructs._kit.nag import acknowledge_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

DAY: Final = "day"
"""The partition of every table, ``2026-03-31``."""
RESULTS: Final = "results/"
RESULT_RETENTION: Final = Duration.days(7)
SCAN_LIMIT: Final = Size.gibibytes(10)
HORIZON: Final = Duration.days(3653)
"""How far back a query looks in a bucket whose retention is not known here: ten years."""

_LEAST_SCAN_LIMIT = 10_000_000  # https://docs.aws.amazon.com/athena/latest/APIReference/API_WorkGroupConfiguration.html
_DATABASE_NAME = re.compile(r"[a-z0-9_]{1,255}")
# https://docs.aws.amazon.com/athena/latest/ug/workgroups-iam-policy.html
_ACTIONS = (
    "athena:BatchGetNamedQuery",
    "athena:BatchGetQueryExecution",
    "athena:GetNamedQuery",
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetQueryResultsStream",
    "athena:GetWorkGroup",
    "athena:ListNamedQueries",
    "athena:ListQueryExecutions",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
)


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A question, and how Athena lists it."""

    name: str
    description: str
    folder: Path

    @property
    def sql(self) -> str:
        """The text; each ``?`` is a parameter that Athena asks for."""
        return (self.folder / f"{self.name}.sql").read_text(encoding="utf-8")


def check_names_and_limit(
    scope: Construct, database_name: str | None, workgroup_name: str | None, scan_limit: Size | None
) -> None:
    """Refuse a database name that Athena could not write without quotes, and a limit that it does not take."""
    if database_name is not None and not is_token(database_name) and not _DATABASE_NAME.fullmatch(database_name):
        fail(scope, "database_name", "must be 1 to 255 lower-case letters, digits and _", database_name)
    if workgroup_name is not None and scan_limit is not None:
        fail(scope, "scan_limit", "is for a new workgroup; yours has a limit of its own", workgroup_name)
    if scan_limit is not None and not scan_limit.is_unresolved() and scan_limit.to_bytes() < _LEAST_SCAN_LIMIT:
        fail(scope, "scan_limit", "must be at least 10 MB", scan_limit.to_bytes())


def check_whole_days(scope: Construct, parameter: str, value: Duration | None) -> None:
    """Refuse an age that no life cycle of S3 knows."""
    if value is not None and not value.is_unresolved():
        seconds = value.to_seconds()
        if seconds == 0 or seconds % 86_400:
            fail(scope, parameter, "must be whole days, at least one", value.to_string())


def day_projection(horizon: Duration) -> dict[str, str]:
    """Return the parameters by which Athena works out the partitions itself, without a crawler, back to *horizon*."""
    days = Token.as_string(horizon.to_days()) if horizon.is_unresolved() else str(int(horizon.to_days()))
    return {
        "projection.enabled": "true",
        f"projection.{DAY}.type": "date",
        f"projection.{DAY}.format": "yyyy-MM-dd",
        f"projection.{DAY}.interval": "1",
        f"projection.{DAY}.interval.unit": "DAYS",
        f"projection.{DAY}.range": f"NOW-{days}DAYS,NOW",
    }


def make_workgroup(
    scope: Construct,
    id: str,
    *,
    name: str,
    description: str,
    bucket: s3.IBucket,
    encryption_key: kms.IKey,
    scan_limit: Size | None,
) -> athena.CfnWorkGroup:
    """Define a workgroup whose queries may not read without end, and leave encrypted results under ``results/``."""
    property_ = athena.CfnWorkGroup
    return athena.CfnWorkGroup(
        scope,
        id,
        name=name,
        description=description,
        recursive_delete_option=True,  # the list of queries that were run would keep it from being deleted
        work_group_configuration=property_.WorkGroupConfigurationProperty(
            enforce_work_group_configuration=True,
            publish_cloud_watch_metrics_enabled=True,
            bytes_scanned_cutoff_per_query=(scan_limit if scan_limit is not None else SCAN_LIMIT).to_bytes(),
            result_configuration=property_.ResultConfigurationProperty(
                output_location=bucket.s3_url_for_object(RESULTS),
                encryption_configuration=property_.EncryptionConfigurationProperty(
                    encryption_option="SSE_KMS", kms_key=encryption_key.key_arn
                ),
            ),
        ),
    )


def save_queries(
    scope: Construct, queries: Iterable[SavedQuery], *, database_name: str, workgroup_name: str
) -> dict[str, athena.CfnNamedQuery]:
    """Define the saved queries, by their names."""
    folder = Construct(scope, "Queries")
    return {
        query.name: athena.CfnNamedQuery(
            folder,
            query.name,
            name=query.name,
            description=query.description,
            database=database_name,
            work_group=workgroup_name,
            query_string=query.sql,
        )
        for query in queries
    }


def table_arns(stack: Stack, database_name: str, *table_names: str) -> list[str]:
    """Return what Glue checks for access to tables: catalog, database and the tables."""
    return [
        stack.format_arn(service="glue", resource="catalog"),
        stack.format_arn(service="glue", resource="database", resource_name=database_name),
        *(
            stack.format_arn(service="glue", resource="table", resource_name=f"{database_name}/{name}")
            for name in table_names
        ),
    ]


def grant_query(
    scope: Construct,
    grantee: iam.IGrantable,
    *,
    bucket: s3.IBucket,
    encryption_key: kms.IKey,
    folders: Sequence[str],
    database_name: str,
    table_names: Sequence[str],
    workgroup_name: str,
    makes_results: bool,
) -> iam.Grant:
    """Let *grantee* run queries on *folders* of the bucket in the workgroup, and read the results.

    :param makes_results: whether results go to ``results/`` in this bucket.
    """

    def allow(
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    ) -> iam.Grant:
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=list(actions), resource_arns=list(resources), conditions=conditions
        )

    stack = Stack.of(scope)
    rows = [bucket.arn_for_objects(f"{folder}*") for folder in folders]
    results = [bucket.arn_for_objects(f"{RESULTS}*")] if makes_results else []
    prefixes = [f"{folder}*" for folder in (*folders, *([RESULTS] if makes_results else []))]
    acknowledge_objects(grantee.grant_principal, [*rows, *results])
    encryption_key.grant(grantee, "kms:Decrypt", *(["kms:GenerateDataKey"] if results else []))
    # https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
    allow(
        ["s3:GetBucketLocation", *(["s3:ListBucketMultipartUploads"] if results else [])],
        [bucket.bucket_arn],
    )
    allow(["s3:ListBucket"], [bucket.bucket_arn], {"StringLike": {"s3:prefix": prefixes}})
    allow(["s3:GetObject"], [*rows, *results])
    if results:
        allow(["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], results)
    allow(["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"], table_arns(stack, database_name, *table_names))
    return allow(_ACTIONS, [stack.format_arn(service="athena", resource="workgroup", resource_name=workgroup_name)])
