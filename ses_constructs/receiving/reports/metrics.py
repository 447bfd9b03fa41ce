"""What CloudWatch knows of reports: mails and passes of the domains that were named, and an alarm for those that fail.

Sources have no metrics: reports name as many addresses as they like, and each metric costs. They are in the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ses_constructs._kit.alarms import make_alarm
from ses_constructs._kit.checks import check_whole_number, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMESPACE = "SesConstructs/DmarcReports"  # where lambda/dmarc_reports publishes to
_DAY = Duration.days(1)  # reports come once a day


class ReportMetrics(Construct):
    """The metrics that the function publishes when a report comes; their sum over a day unless you say otherwise."""

    _reports_name: str
    _alarm_actions: Sequence[cloudwatch.IAlarmAction]
    domains: Sequence[str]

    def metric_messages(self, domain: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Mails in the name of *domain* that reports of the day tell of.

        :raises ValueError: for a domain that is not among :attr:`domains`.
        """
        return self._metric("Messages", domain, period)

    def metric_passed(self, domain: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Those of them that passed DMARC.

        :raises ValueError: for a domain that is not among :attr:`domains`.
        """
        return self._metric("Passed", domain, period)

    def metric_pass_rate(self, domain: str, *, period: Duration | None = None) -> cloudwatch.MathExpression:
        """Percentage of the mails that passed DMARC.

        :raises ValueError: for a domain that is not among :attr:`domains`.
        """
        return self._expression(domain, "100 * passed / messages", f"{domain}: passed DMARC (%)", period)

    def alarm_on_failures(self, domain: str, *, percent: float, least_messages: int = 100) -> cloudwatch.Alarm:
        """Define an alarm that goes off when *percent* of a day's mails or more failed DMARC.

        There is none by default, for no number fits all: what strangers forge fails too, and belongs into the number.
        Look at the saved query ``pass_rate`` for a month, and choose one above its worst day.

        :param percent: above 0, at most 100.
        :param least_messages: on a day with fewer mails nothing is wrong; at least 1.
        :raises ValueError: for a domain that is not among :attr:`domains`, or a number out of its range.
        """
        if not 0 < percent <= 100:
            fail(self, "percent", "must be above 0 and at most 100", percent)
        check_whole_number(self, "least_messages", least_messages, 1, 10**12)
        failed = f"IF(messages >= {least_messages}, 100 * (messages - passed) / messages, 0)"
        metric = self._expression(domain, failed, f"{domain}: failed DMARC (%)", None)
        folder = self.node.try_find_child("FailureAlarms")
        return make_alarm(
            folder if isinstance(folder, Construct) else Construct(self, "FailureAlarms"),
            domain,
            metric=metric,
            description=(
                f"Too much mail in the name of {domain} failed DMARC, receivers report: a sender of yours is not set "
                "up, or is so no more, or somebody forges it. The saved query failing_sources names the addresses."
            ),
            actions=self._alarm_actions,
            threshold=percent,
        )

    def metric_reports(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """All reports whose rows were stored, whatever the domain."""
        return self._count("Reports", period)

    def metric_parked(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Mails that the function put into the dead-letter queue, with the reason."""
        return self._count("Parked", period)

    def _expression(
        self, domain: str, expression: str, label: str, period: Duration | None
    ) -> cloudwatch.MathExpression:
        return cloudwatch.MathExpression(
            expression=expression,
            using_metrics={"messages": self.metric_messages(domain), "passed": self.metric_passed(domain)},
            label=label,
            period=period if period is not None else _DAY,
        )

    def _metric(self, name: str, domain: str, period: Duration | None) -> cloudwatch.Metric:
        if domain.lower() not in self.domains:
            fail(self, "domain", f"must be among the domains, which are {', '.join(self.domains)}", domain)
        return self._count(name, period, {"Domain": domain.lower()})

    def _count(self, name: str, period: Duration | None, dimensions: dict[str, str] | None = None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=name,
            dimensions_map={"Reports": self._reports_name, **(dimensions or {})},
            statistic="Sum",
            period=period if period is not None else _DAY,
        )
