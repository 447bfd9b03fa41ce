"""The delivery stream of a lake: JSON in, Parquet by day and event type out.

See https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion.html and, for the folders,
https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose

from ses_constructs._kit.athena import table_arns
from ses_constructs._kit.nag import acknowledge_objects
from ses_constructs.sending.lake import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_glue as glue
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from ses_constructs.sending.lake.event_lake import EventLake

EVENTS = "events/"
ERRORS = "errors/"
RAW = "raw/"

_BUFFER = 128  # MiB; with conversion or folders it must be at least 64
_RETRIES = 7200  # the most: https://docs.aws.amazon.com/firehose/latest/APIReference/API_RetryOptions.html
# The event type without its space, for the path.
_PARTITIONS = f'{{{schema.EVENT_TYPE}: .eventType | gsub(" "; "")}}'
_Stream = firehose.CfnDeliveryStream


@jsii.implements(firehose.IDestination)
class ParquetDestination:
    """The bucket of a lake, for the CDK's delivery stream.

    The CDK's own bucket destination is not used: it lets the stream delete objects.
    """

    def __init__(
        self,
        lake: EventLake,
        *,
        bucket: s3.IBucket,
        key: kms.IKey,
        database_name: str,
        table: glue.CfnTable,
        log_group: logs.ILogGroup,
        log_stream: logs.ILogStream,
        buffering_interval: Duration,
        keep_raw: bool,
    ) -> None:
        self._lake, self._bucket, self._key = lake, bucket, key
        self._database_name, self._table = database_name, table
        self._log_group, self._log_stream = log_group, log_stream
        self._interval = buffering_interval
        self._keep_raw = keep_raw

    def bind(self, scope: Construct, options: object = None) -> firehose.DestinationConfig:
        """Define the stream's role, and return its configuration. The CDK calls it, with options that are empty."""
        role, policy = self._role()
        return firehose.DestinationConfig(
            extended_s3_destination_configuration=self._configuration(role), dependables=[policy]
        )

    def _configuration(self, role: iam.Role) -> _Stream.ExtendedS3DestinationConfigurationProperty:
        return _Stream.ExtendedS3DestinationConfigurationProperty(
            bucket_arn=self._bucket.bucket_arn,
            role_arn=role.role_arn,
            prefix=(
                f"{EVENTS}{schema.DAY}=!{{timestamp:yyyy-MM-dd}}/"
                f"{schema.EVENT_TYPE}=!{{partitionKeyFromQuery:{schema.EVENT_TYPE}}}/"
            ),
            error_output_prefix=f"{ERRORS}!{{firehose:error-output-type}}/{schema.DAY}=!{{timestamp:yyyy-MM-dd}}/",
            buffering_hints=self._hints(),
            # The compression is that of the Parquet writer.
            compression_format="UNCOMPRESSED",
            encryption_configuration=self._encryption(),
            cloud_watch_logging_options=self._logging(),
            dynamic_partitioning_configuration=_Stream.DynamicPartitioningConfigurationProperty(
                enabled=True, retry_options=_Stream.RetryOptionsProperty(duration_in_seconds=_RETRIES)
            ),
            processing_configuration=_Stream.ProcessingConfigurationProperty(
                enabled=True,
                processors=[
                    _Stream.ProcessorProperty(
                        type="MetadataExtraction",
                        parameters=[
                            _parameter("MetadataExtractionQuery", _PARTITIONS),
                            _parameter("JsonParsingEngine", "JQ-1.6"),
                        ],
                    )
                ],
            ),
            data_format_conversion_configuration=self._conversion(role),
            s3_backup_mode="Enabled" if self._keep_raw else "Disabled",
            s3_backup_configuration=self._raw_copy(role) if self._keep_raw else None,
        )

    def _conversion(self, role: iam.Role) -> _Stream.DataFormatConversionConfigurationProperty:
        return _Stream.DataFormatConversionConfigurationProperty(
            enabled=True,
            input_format_configuration=_Stream.InputFormatConfigurationProperty(
                deserializer=_Stream.DeserializerProperty(
                    open_x_json_ser_de=_Stream.OpenXJsonSerDeProperty(
                        case_insensitive=False, column_to_json_key_mappings=schema.key_mappings()
                    )
                )
            ),
            output_format_configuration=_Stream.OutputFormatConfigurationProperty(
                serializer=_Stream.SerializerProperty(parquet_ser_de=_Stream.ParquetSerDeProperty(compression="SNAPPY"))
            ),
            schema_configuration=_Stream.SchemaConfigurationProperty(
                catalog_id=Stack.of(self._lake).account,
                region=Stack.of(self._lake).region,
                database_name=self._database_name,
                table_name=self._table.ref,
                version_id="LATEST",
                role_arn=role.role_arn,
            ),
        )

    def _raw_copy(self, role: iam.Role) -> _Stream.S3DestinationConfigurationProperty:
        return _Stream.S3DestinationConfigurationProperty(
            bucket_arn=self._bucket.bucket_arn,
            role_arn=role.role_arn,
            prefix=f"{RAW}{schema.DAY}=!{{timestamp:yyyy-MM-dd}}/",
            error_output_prefix=f"{ERRORS}raw-!{{firehose:error-output-type}}/{schema.DAY}=!{{timestamp:yyyy-MM-dd}}/",
            buffering_hints=self._hints(),
            compression_format="GZIP",
            encryption_configuration=self._encryption(),
            cloud_watch_logging_options=self._logging(),
        )

    def _hints(self) -> _Stream.BufferingHintsProperty:
        return _Stream.BufferingHintsProperty(
            interval_in_seconds=self._interval.to_seconds(),
            size_in_m_bs=_BUFFER,
        )

    def _encryption(self) -> _Stream.EncryptionConfigurationProperty:
        return _Stream.EncryptionConfigurationProperty(
            kms_encryption_config=_Stream.KMSEncryptionConfigProperty(awskms_key_arn=self._key.key_arn)
        )

    def _logging(self) -> _Stream.CloudWatchLoggingOptionsProperty:
        return _Stream.CloudWatchLoggingOptionsProperty(
            enabled=True,
            log_group_name=self._log_group.log_group_name,
            log_stream_name=self._log_stream.log_stream_name,
        )

    def _role(self) -> tuple[iam.Role, iam.Policy]:
        stack = Stack.of(self._lake)
        # The stream's name is not known before it is made, and it is made with the role.
        streams = stack.format_arn(service="firehose", resource="deliverystream", resource_name="*")
        role = iam.Role(
            self._lake,
            "StreamRole",
            assumed_by=iam.ServicePrincipal(
                "firehose.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": streams},
                },
            ),
        )
        prefixes = [EVENTS, ERRORS, *([RAW] if self._keep_raw else [])]
        objects = [self._bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]
        policy = iam.Policy(self._lake, "StreamPolicy", roles=[role], statements=self._statements(stack, objects))
        acknowledge_objects(policy, objects)
        return role, policy

    def _statements(self, stack: Stack, objects: list[str]) -> Sequence[iam.PolicyStatement]:
        # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
        log_stream_name = f"{self._log_group.log_group_name}:log-stream:{self._log_stream.log_stream_name}"
        return [
            iam.PolicyStatement(
                actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                resources=[self._bucket.bucket_arn],
            ),
            iam.PolicyStatement(
                actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                resources=objects,
            ),
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[self._key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}"}},
            ),
            iam.PolicyStatement(
                actions=["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
                resources=table_arns(stack, self._database_name, self._table.ref),
            ),
            iam.PolicyStatement(
                actions=["logs:PutLogEvents"],
                resources=[
                    stack.format_arn(
                        service="logs",
                        resource="log-group",
                        resource_name=log_stream_name,
                        arn_format=ArnFormat.COLON_RESOURCE_NAME,
                    )
                ],
            ),
        ]


def _parameter(name: str, value: str) -> _Stream.ProcessorParameterProperty:
    return _Stream.ProcessorParameterProperty(parameter_name=name, parameter_value=value)
