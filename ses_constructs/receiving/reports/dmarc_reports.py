"""A mailbox for DMARC aggregate reports and TLS reports, which become tables that can be asked.

RFC 9990 (https://www.rfc-editor.org/rfc/rfc9990) and RFC 8460 (https://www.rfc-editor.org/rfc/rfc8460). Tables without
a crawler: https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Names, RemovalPolicy, Size, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ses_constructs._kit.alarms import make_dead_letter_alarm
from ses_constructs._kit.athena import (
    DAY,
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
from ses_constructs._kit.checks import check_removal_policy, check_whole_number, domain_name, fail, items
from ses_constructs._kit.function_queues import Delivery, check_queues, make_main_queue, make_queue
from ses_constructs._kit.functions import make_function
from ses_constructs._kit.keys import checked_key, distinct_keys, grant_use
from ses_constructs._kit.nag import acknowledge_objects
from ses_constructs._kit.stacks import same_place, stack_around
from ses_constructs.identity.report_uris import is_address
from ses_constructs.receiving.mailbox import InboundMailbox, VerdictPolicy
from ses_constructs.receiving.reports.metrics import ReportMetrics
from ses_constructs.receiving.reports.queries import QUERIES
from ses_constructs.receiving.reports.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch

    from ses_constructs.receiving.rule_set import ActiveReceiptRuleSet

_TIMEOUT = Duration.minutes(3)
_MEMORY = 1024  # MB; a hostile report of 20 MB takes a third of it, and processor time comes with it
_RETENTION = Duration.days(400)  # thirteen months: a month and the same month a year before


class DmarcReports(ReportMetrics):
    """Receive at *address* what others report of the mail of your domains, and keep it in a form that can be asked.

    Give the address to the records, ``Dmarc(aggregate_reports=[reports.address])`` and
    ``TlsRpt(..., reports=[reports.address])``. A domain of another organisation needs a
    :class:`DmarcReportAuthorisation` besides. Zip, gzip and plain files, RFC 7489 and RFC 9990 are all read; what only
    looks like a report is set aside with its reason. Anybody may send reports, so each row says who did, and whether
    DMARC vouches for that (``authenticated``): only what it vouches for counts in metrics and saved queries.

    Defines: a mailbox, a queue with its dead-letter queue, the function that reads reports, a bucket, a Glue database
    with the tables ``dmarc`` and ``tls``, an Athena workgroup with saved queries, one key that encrypts all of them,
    and an alarm for dead letters.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        address: str,
        domains: Sequence[str],
        rule_set: ActiveReceiptRuleSet | None = None,
        mailbox: InboundMailbox | None = None,
        bucket: s3.IBucket | None = None,
        queue: sqs.IQueue | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        encryption_key: kms.IKey | None = None,
        database_name: str | None = None,
        workgroup_name: str | None = None,
        retention: Duration | None = None,
        scan_limit: Size | None = None,
        max_receive_count: int = 5,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        """:param address: where reports go, such as ``dmarc@reports.example.com``. SES must receive the mail of its
            domain (:class:`InboundMx`), which is a verified identity, and is no MAIL FROM domain.

        :param domains: the domains whose records name the address; each has metrics. What is reported of others is in
            the tables all the same.
        :param rule_set: where the mailbox's rule goes, after those that are there.
        :param mailbox: your mailbox that receives at *address*, in the same stack, instead of *rule_set*. Let its
            policy for spam be ``FLAG``, as that of a new one is: a machine wrote the reports, nobody reads the mail,
            and where some were kept away, the numbers would be wrong and nothing would say so. What has not passed as
            free of viruses stays in quarantine.
        :param bucket: your bucket for the rows, in the same region; its life cycle stays yours. Default: a new one.
        :param queue: your standard queue. It must redrive to *dead_letter_queue* after *max_receive_count* receives,
            and hide messages for at least 1,080 seconds, six times the function's timeout. Default: a new one.
        :param dead_letter_queue: your dead-letter queue; goes together with *queue*.
        :param encryption_key: customer managed key for everything made here; not an alias. Default: the key that the
            CDK knows *bucket* to have, or a new one.
        :param database_name: your Glue database, without tables ``dmarc`` and ``tls``. Default: a new one.
        :param workgroup_name: your Athena workgroup, with its own limits and place for results. Default: a new one.
        :param retention: age at which rows are deleted from the new bucket, in whole days. Default: 400 days.
        :param scan_limit: how much one query may read before Athena stops it; at least 10 MB. Default: 10 GiB.
        :param max_receive_count: how often a mail is tried before it becomes a dead letter. 1 to 1,000.
        :param alarm_actions: what the alarms do. Default: nothing, they are only seen.
        :param removal_policy: what becomes of new buckets and the new key when they leave the stack. Default: they are
            kept. ``DESTROY`` deletes what is in them.
        :raises ValueError: for an address or domain that is none, what is out of range, or parameters that exclude each
            other.
        """
        super().__init__(scope, id)
        self._reports_name = self.node.path
        self._alarm_actions = alarm_actions
        delivery = Delivery(max_receive_count, 6 * int(_TIMEOUT.to_seconds()))
        if not is_address(address):
            fail(self, "address", "must be a plain address like dmarc@reports.example.com", address)
        self._check_choices(rule_set, mailbox, bucket, retention)
        check_whole_number(self, "max_receive_count", max_receive_count, 1, 1000)
        check_removal_policy(self, removal_policy)
        check_names_and_limit(self, database_name, workgroup_name, scan_limit)
        if encryption_key is not None:
            checked_key(self, "encryption_key", encryption_key)
            same_place(self, "encryption_key", encryption_key, encryption_key.key_arn)
        if (queue is None) != (dead_letter_queue is None):
            alone = "queue" if queue is not None else "dead_letter_queue"
            fail(self, "queue and dead_letter_queue", "must be given together", f"{alone} alone")
        if queue is not None and dead_letter_queue is not None:
            check_queues(self, queue, dead_letter_queue, delivery)

        self.address = address
        """Where reports go: what :class:`Dmarc` and :class:`TlsRpt` are given."""
        self.domains: Sequence[str] = tuple(
            domain_name(self, "domains", it) for it in items(self, "domains", domains, what="domains")
        )
        """The domains that have metrics."""
        known_key = encryption_key if encryption_key is not None or bucket is None else bucket.encryption_key
        self.encryption_key: kms.IKey = known_key if known_key is not None else self._key(removal_policy)
        """The key that encrypts what was made here."""
        self.bucket: s3.IBucket = bucket if bucket is not None else self._bucket(retention, removal_policy)
        """The rows, under ``dmarc/`` and ``tls/``."""
        self.dead_letter_queue: sqs.IQueue = (
            dead_letter_queue
            if dead_letter_queue is not None
            else make_queue(self, "DeadLetterQueue", self.encryption_key)
        )
        """Mails with what only looks like a report, each with its reason."""
        self.queue: sqs.IQueue = (
            queue
            if queue is not None
            else make_main_queue(
                self, "Queue", self.encryption_key, dead_letter_queue=self.dead_letter_queue, delivery=delivery
            )
        )
        """Mails on their way to the function."""
        self.mailbox: InboundMailbox = mailbox if mailbox is not None else self._mailbox(rule_set, removal_policy)
        """The mailbox, which keeps the mails themselves."""
        self.function: lambda_.Function = self._function(max_receive_count)
        """The function that reads reports."""
        self.mailbox.on_received(f"To{self.node.id}").add_queue(self.queue, dead_letter_queue=self.dead_letter_queue)
        name = Names.unique_resource_name(self, max_length=120, separator="_").lower()
        self.database_name: str = database_name if database_name is not None else self._database(name)
        """The Glue database."""
        horizon = HORIZON if bucket is not None else retention if retention is not None else _RETENTION
        self.tables: Mapping[str, glue.CfnTable] = {table: self._table(table, horizon) for table in TABLES}
        """The Glue tables, ``dmarc`` and ``tls``."""
        self._makes_results = workgroup_name is None
        self.workgroup_name: str = workgroup_name if workgroup_name is not None else self._workgroup(name, scan_limit)
        """The Athena workgroup."""
        self.queries: Mapping[str, athena.CfnNamedQuery] = save_queries(
            self, QUERIES, database_name=self.database_name, workgroup_name=self.workgroup_name
        )
        """The saved queries by name: ``pass_rate``, ``failing_sources``, ``ready_for_quarantine`` and so on."""
        self.dead_letter_alarm: cloudwatch.Alarm = make_dead_letter_alarm(
            self,
            "DeadLetterAlarm",
            dead_letter_queue=self.dead_letter_queue,
            queue=self.queue,
            description="A mail to the address of reports has what looks like a report and could not be read.",
            actions=alarm_actions,
        )
        """Goes off when there is any dead letter."""

    def grant_query(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let *grantee* run queries on the rows in the workgroup, and read the results; no mail.

        With a workgroup of your own, access to the place of its results is yours to give.
        """
        return grant_query(
            self,
            grantee,
            bucket=self.bucket,
            encryption_key=self.encryption_key,
            folders=[f"{table}/" for table in TABLES],
            database_name=self.database_name,
            table_names=[table.ref for table in self.tables.values()],
            workgroup_name=self.workgroup_name,
            makes_results=self._makes_results,
        )

    def _check_choices(
        self,
        rule_set: ActiveReceiptRuleSet | None,
        mailbox: InboundMailbox | None,
        bucket: s3.IBucket | None,
        retention: Duration | None,
    ) -> None:
        if (rule_set is None) == (mailbox is None):
            given = "neither" if mailbox is None else "both"
            fail(self, "rule_set and mailbox", "must be one or the other", given)
        if mailbox is not None and stack_around(mailbox) is not stack_around(self):
            fail(self, "mailbox", "must be in the same stack, for each waits for the other", mailbox.node.path)
        if bucket is not None and retention is not None:
            fail(self, "retention", "is for a new bucket; yours has a life cycle of its own", retention.to_string())
        check_whole_days(self, "retention", retention)

    def _key(self, removal_policy: RemovalPolicy) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="DMARC and TLS reports: mail, queues, rows and query results",
            enable_key_rotation=True,
            removal_policy=removal_policy,  # rows that are kept are worth nothing without their key
        )

    def _bucket(self, retention: Duration | None, removal_policy: RemovalPolicy) -> s3.Bucket:
        kept = retention if retention is not None else _RETENTION
        return make_bucket(
            self,
            "Bucket",
            encryption_key=self.encryption_key,
            expirations={**{f"{table}/": kept for table in TABLES}, RESULTS: RESULT_RETENTION},
            removal_policy=removal_policy,
        )

    def _mailbox(self, rule_set: ActiveReceiptRuleSet | None, removal_policy: RemovalPolicy) -> InboundMailbox:
        assert rule_set is not None
        return InboundMailbox(
            self,
            "Mailbox",
            rule_set=rule_set,
            recipients=[self.address],
            encryption_key=self.encryption_key,
            spam=VerdictPolicy.FLAG,
            alarm_actions=self._alarm_actions,
            removal_policy=removal_policy,
        )

    def _function(self, max_receive_count: int) -> lambda_.Function:
        function = make_function(
            self,
            "Function",
            handler="dmarc_reports",
            description="Reads DMARC and TLS reports out of mail, and stores their rows",
            environment={
                "BUCKET_NAME": self.bucket.bucket_name,
                "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.queue_url,
                "MAX_RECEIVE_COUNT": str(max_receive_count),
                "REPORTS_NAME": self._reports_name,
                "DOMAINS": " ".join(self.domains),
            },
            timeout=_TIMEOUT,
            memory_size=_MEMORY,
        )
        rows = [self.bucket.arn_for_objects(f"{table}/*") for table in TABLES]
        function.add_to_role_policy(iam.PolicyStatement(actions=["s3:PutObject"], resources=rows))
        acknowledge_objects(function.role, rows)
        self.mailbox.grant_read_attachments(function)
        self.dead_letter_queue.grant(function, "sqs:SendMessage")
        queue_key = self.dead_letter_queue.encryption_master_key
        for key in distinct_keys(self.encryption_key, self.bucket.encryption_key, queue_key):
            grant_use(key, function, write=True)
        self.queue.grant_consume_messages(function)
        # One mail at a time: each may take all the memory that there is, and none waits for another.
        function.add_event_source_mapping(
            "Queue", event_source_arn=self.queue.queue_arn, batch_size=1, report_batch_item_failures=True
        )
        function.node.add_dependency(self.bucket)
        return function

    def _database(self, name: str) -> str:
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Stack.of(self).account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(name=name, description="DMARC and TLS reports"),
        )
        return database.ref

    def _table(self, name: str, horizon: Duration) -> glue.CfnTable:
        property_ = glue.CfnTable

        def column(name: str, kind: str) -> glue.CfnTable.ColumnProperty:
            return property_.ColumnProperty(name=name, type=kind)

        return glue.CfnTable(
            self,
            f"{name.capitalize()}Table",
            catalog_id=Stack.of(self).account,
            database_name=self.database_name,
            table_input=property_.TableInputProperty(
                name=name,
                description="Rows of reports, JSON",
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "json", **day_projection(horizon)},
                partition_keys=[column(DAY, "string")],
                storage_descriptor=property_.StorageDescriptorProperty(
                    location=self.bucket.s3_url_for_object(f"{name}/"),
                    columns=[column(*it) for it in TABLES[name].items()],
                    input_format="org.apache.hadoop.mapred.TextInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    serde_info=property_.SerdeInfoProperty(serialization_library="org.openx.data.jsonserde.JsonSerDe"),
                ),
            ),
        )

    def _workgroup(self, name: str, scan_limit: Size | None) -> str:
        workgroup = make_workgroup(
            self,
            "Workgroup",
            name=name,
            description="Queries on DMARC and TLS reports",
            bucket=self.bucket,
            encryption_key=self.encryption_key,
            scan_limit=scan_limit,
        )
        workgroup.node.add_dependency(self.bucket)
        return workgroup.ref
