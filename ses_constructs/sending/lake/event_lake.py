"""A lake of SES events: Firehose to S3 as Parquet, a Glue table without a crawler, an Athena workgroup with queries.

See https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html and
https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Names, RemovalPolicy, Size, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ses_constructs._kit.athena import (
    HORIZON,
    RESULT_RETENTION,
    RESULTS,
    check_names_and_limit,
    check_whole_days,
    day_projection,
    grant_query,
    make_workgroup,
    save_queries,
)
from ses_constructs._kit.buckets import make_bucket
from ses_constructs._kit.checks import check_removal_policy, fail
from ses_constructs._kit.keys import checked_key
from ses_constructs.sending.lake import schema
from ses_constructs.sending.lake.alarms import stream_alarms
from ses_constructs.sending.lake.queries import QUERIES
from ses_constructs.sending.lake.stream import ERRORS, EVENTS, RAW, ParquetDestination

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch

_RETENTION = Duration.days(400)  # thirteen months: a month and the same month a year before
_ERROR_RETENTION = Duration.days(30)  # with RESULT_RETENTION, what an erasure may wait for
_INTERVAL = Duration.minutes(15)  # Firehose's longest: few large objects are what makes Athena fast and cheap
_FRESHNESS = Duration.hours(1)
# The CDK brings a mapping of Firehose's addresses for streams that write into a VPC. Unused, validation warns of it.
_ADDRESSES = "@aws-cdk--aws-kinesisfirehose.CidrBlocks"


class EventLake(Construct):
    """Keep every event for good, in a form that can be asked.

    Defines: a key, a bucket, a delivery stream with its role and its log of errors, a Glue database and table, an
    Athena workgroup with saved queries, and six alarms. Configuration sets publish to it by
    :meth:`SendingConfigurationSet.publish_to_firehose`; several may share one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bucket: s3.IBucket | None = None,
        encryption_key: kms.IKey | None = None,
        database_name: str | None = None,
        workgroup_name: str | None = None,
        retention: Duration | None = None,
        keep_raw: bool = False,
        buffering_interval: Duration | None = None,
        scan_limit: Size | None = None,
        freshness_threshold: Duration | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param bucket: your bucket; its life cycle, versions and TLS policy stay yours. Default: a new one, TLS only,
            without public access and without versions, in which an erased address would live on.

        :param encryption_key: customer managed key for the stream, the objects and the query results. Default: the key
            that the CDK knows *bucket* to have, or a new one.
        :param database_name: your Glue database, for the table ``ses_events``. Default: a new one.
        :param workgroup_name: your Athena workgroup, with its own limits and place for results. Default: a new one.
        :param retention: age at which events are deleted from the new bucket, in whole days. Default: 400 days.
        :param keep_raw: also keep the JSON as SES wrote it, in which fields are that the table does not know yet, under
            ``raw/``; in the new bucket for 30 days. Firehose can start that later, but never stop it.
        :param buffering_interval: how long events wait for others to share an object with; 60 to 900 seconds.
            Default: 15 minutes.
        :param scan_limit: how much one query may read before Athena stops it; at least 10 MB. Default: 10 GiB.
        :param freshness_threshold: alarm when an event has waited this long for its delivery; longer than
            *buffering_interval*. Default: an hour.
        :param alarm_actions: what all the alarms do. Default: nothing, they are only seen.
        :param removal_policy: what becomes of the new bucket and the new key when they leave the stack. Default: both
            are kept. With ``DESTROY`` the bucket goes with all that is in it, for which a function empties it.
        :raises ValueError: for retention together with bucket or not in whole days, scan_limit together with
            workgroup_name, a value out of its range, an AWS managed key or the alias of a key, a database name that
            Athena cannot write without quotes (lower-case letters, digits and ``_``), or a snapshot as removal_policy.
        """
        super().__init__(scope, id)
        interval = buffering_interval if buffering_interval is not None else _INTERVAL
        freshness = freshness_threshold if freshness_threshold is not None else _FRESHNESS
        check_removal_policy(self, removal_policy)
        self._check(bucket, encryption_key, database_name, workgroup_name, retention, scan_limit)
        self._check_times(retention, interval, freshness)
        known_key = encryption_key if encryption_key is not None or bucket is None else bucket.encryption_key
        self.encryption_key: kms.IKey = known_key if known_key is not None else self._key(removal_policy)
        """The key that encrypts the stream, the objects and the results of queries."""
        self.bucket: s3.IBucket = (
            bucket
            if bucket is not None
            else self._bucket(retention if retention is not None else _RETENTION, removal_policy)
        )
        """Where the events are, under ``events/``; what could not be converted is under ``errors/``."""
        name = Names.unique_resource_name(self, max_length=120, separator="_").lower()
        self.database_name: str = database_name if database_name is not None else self._database(name)
        """The Glue database."""
        horizon = HORIZON if bucket is not None else retention if retention is not None else _RETENTION
        self.table: glue.CfnTable = self._table(horizon)
        """The Glue table, ``ses_events``."""
        self.log_group: logs.LogGroup = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
        )
        """What went wrong in the stream, in Firehose's words."""
        self.stream: firehose.DeliveryStream = self._stream(interval, keep_raw=keep_raw)
        """The delivery stream that configuration sets publish to."""
        self._makes_results = workgroup_name is None
        self.workgroup_name: str = workgroup_name if workgroup_name is not None else self._workgroup(name, scan_limit)
        """The Athena workgroup."""
        if bucket is None:
            # What writes into the bucket goes before it is emptied.
            for writer in (self.stream, self.node.try_find_child("Workgroup")):
                if writer is not None:
                    writer.node.add_dependency(self.bucket)
        self.queries: Mapping[str, athena.CfnNamedQuery] = save_queries(
            self, QUERIES, database_name=self.database_name, workgroup_name=self.workgroup_name
        )
        """The saved queries by name: ``delivery_funnel``, ``bounces``, ``address_history`` and so on."""
        self.alarms: Mapping[str, cloudwatch.Alarm] = stream_alarms(
            Construct(self, "Alarms"), self.stream, self.log_group, freshness=freshness, actions=alarm_actions
        )
        """``Delivery``, ``Freshness``, ``Conversion``, ``Key``, ``Errors`` and ``Throttling``: alarms by name."""

    def grant_query(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* run queries on the events in the workgroup, and read the results.

        It may not read ``errors/`` and ``raw/``, and change nothing but results. With a workgroup of your own, access
        to the place of its results is yours to give.
        """
        return grant_query(
            self,
            grantee,
            bucket=self.bucket,
            encryption_key=self.encryption_key,
            folders=[EVENTS],
            database_name=self.database_name,
            table_names=[self.table.ref],
            workgroup_name=self.workgroup_name,
            makes_results=self._makes_results,
        )

    def _check(
        self,
        bucket: s3.IBucket | None,
        encryption_key: kms.IKey | None,
        database_name: str | None,
        workgroup_name: str | None,
        retention: Duration | None,
        scan_limit: Size | None,
    ) -> None:
        if bucket is not None and retention is not None:
            fail(self, "retention", "is for a new bucket; yours has a life cycle of its own", retention.to_string())
        check_names_and_limit(self, database_name, workgroup_name, scan_limit)
        if encryption_key is not None:
            checked_key(self, "encryption_key", encryption_key)

    def _check_times(self, retention: Duration | None, interval: Duration, freshness: Duration) -> None:
        check_whole_days(self, "retention", retention)
        if interval.is_unresolved() or freshness.is_unresolved():
            return
        # https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
        if not 60 <= interval.to_seconds() <= 900:
            fail(self, "buffering_interval", "must be 60 to 900 seconds", interval.to_seconds())
        if freshness.to_seconds() <= interval.to_seconds():
            fail(self, "freshness_threshold", "must be longer than buffering_interval", freshness.to_seconds())

    def _key(self, removal_policy: RemovalPolicy) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="SES events: delivery stream, objects and query results",
            enable_key_rotation=True,
            removal_policy=removal_policy,  # objects that are kept are worth nothing without their key
        )

    def _bucket(self, retention: Duration, removal_policy: RemovalPolicy) -> s3.Bucket:
        # Without versions: Firehose never writes a name twice, and what is erased must not stay as a version.
        return make_bucket(
            self,
            "Bucket",
            encryption_key=self.encryption_key,
            expirations={
                EVENTS: retention,
                ERRORS: _ERROR_RETENTION,
                RAW: _ERROR_RETENTION,
                RESULTS: RESULT_RETENTION,
            },
            removal_policy=removal_policy,
        )

    def _database(self, name: str) -> str:
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Stack.of(self).account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(name=name, description="SES events"),
        )
        return database.ref

    def _table(self, horizon: Duration) -> glue.CfnTable:
        property_ = glue.CfnTable
        projection = {
            **day_projection(horizon),
            f"projection.{schema.EVENT_TYPE}.type": "enum",
            f"projection.{schema.EVENT_TYPE}.values": ",".join(schema.EVENT_TYPES),
        }
        return glue.CfnTable(
            self,
            "Table",
            catalog_id=Stack.of(self).account,
            database_name=self.database_name,
            table_input=property_.TableInputProperty(
                name=schema.TABLE,
                description="Events of SES event publishing, one row an event",
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "parquet", **projection},
                partition_keys=[_column(name, "string") for name in (schema.DAY, schema.EVENT_TYPE)],
                storage_descriptor=property_.StorageDescriptorProperty(
                    location=self.bucket.s3_url_for_object(EVENTS),
                    columns=[_column(name, kind) for name, kind in schema.columns().items()],
                    input_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                    serde_info=property_.SerdeInfoProperty(
                        serialization_library="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
                    ),
                ),
            ),
        )

    def _stream(self, interval: Duration, *, keep_raw: bool) -> firehose.DeliveryStream:
        stack = Stack.of(self)
        had_mapping = stack.node.try_find_child(_ADDRESSES) is not None
        stream = firehose.DeliveryStream(
            self,
            "Stream",
            destination=ParquetDestination(
                self,
                bucket=self.bucket,
                key=self.encryption_key,
                database_name=self.database_name,
                table=self.table,
                log_group=self.log_group,
                log_stream=logs.LogStream(
                    self, "LogStream", log_group=self.log_group, removal_policy=RemovalPolicy.DESTROY
                ),
                buffering_interval=interval,
                keep_raw=keep_raw,
            ),
        )
        if not had_mapping:
            stack.node.try_remove_child(_ADDRESSES)
        resource = stream.node.default_child
        assert isinstance(resource, firehose.CfnDeliveryStream)
        # Not by the CDK's `encryption`, which makes a role that may use the key for everything: Firehose has a grant.
        resource.delivery_stream_encryption_configuration_input = (
            firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty(
                key_type="CUSTOMER_MANAGED_CMK", key_arn=self.encryption_key.key_arn
            )
        )
        return stream

    def _workgroup(self, name: str, scan_limit: Size | None) -> str:
        return make_workgroup(
            self,
            "Workgroup",
            name=name,
            description="Queries on SES events",
            bucket=self.bucket,
            encryption_key=self.encryption_key,
            scan_limit=scan_limit,
        ).ref


def _column(name: str, kind: str) -> glue.CfnTable.ColumnProperty:
    return glue.CfnTable.ColumnProperty(name=name, type=kind)
