"""Configuration sets and their event destinations, over both APIs.

See https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSetEventDestination.html and
https://docs.aws.amazon.com/ses/latest/APIReference/API_CreateConfigurationSetEventDestination.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ses_constructs.lab.server.errors import SesError, no_configuration_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ses_constructs.lab.server.engine import Engine
    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.query import Actions, Query
    from ses_constructs.lab.server.rest import Request, Routes

_DESTINATIONS = "/v2/email/configuration-sets/{}/event-destinations"


class SetsApi:
    """One store for both APIs; destinations are checked when they are made or changed."""

    def __init__(self, emulator: Emulator, engine: Engine) -> None:
        self._emulator = emulator
        self._destinations = engine.publisher.destinations

    def routes(self) -> Routes:
        """Return what API v2 answers about it."""
        return {
            ("POST", _DESTINATIONS): self._create_v2,
            ("PUT", f"{_DESTINATIONS}/{{}}"): self._update_v2,
        }

    def actions(self) -> Actions:
        """Return what API v1 answers about it."""
        return {
            "CreateConfigurationSet": self._create,
            "DeleteConfigurationSet": self._delete,
            "DescribeConfigurationSet": self._describe,
            "ListConfigurationSets": self._list,
            "UpdateConfigurationSetSendingEnabled": self._set_sending,
            "UpdateConfigurationSetReputationMetricsEnabled": self._set_reputation_metrics,
            "CreateConfigurationSetEventDestination": lambda it: self._put_destination(it, create=True),
            "UpdateConfigurationSetEventDestination": lambda it: self._put_destination(it, create=False),
            "DeleteConfigurationSetEventDestination": self._delete_destination,
        }

    def put(self, set_name: str, name: str, definition: Mapping[str, Any], *, create: bool) -> None:
        """Make or change an event destination.

        :param definition: as in API v2.
        :raises SesError: if SES could not use it.
        """
        configuration_set = self._emulator.configuration_set(set_name)
        if configuration_set is None:
            raise no_configuration_set(set_name)
        self._emulator.check_event_destination(definition)
        if create == (name not in (configuration_set.get("EventDestinations") or {})):
            source_arn = self._emulator.ses_arn("configuration-set", set_name)
            self._destinations.check(configuration_set, name, definition, source_arn)
        self._emulator.put_event_destination(set_name, name, definition, create=create)

    def _create_v2(self, request: Request) -> None:
        name = request.body.get("EventDestinationName", "")
        self.put(request.parameters[0], name, request.body.get("EventDestination") or {}, create=True)

    def _update_v2(self, request: Request) -> None:
        set_name, name = request.parameters
        self.put(set_name, name, request.body.get("EventDestination") or {}, create=False)

    def _create(self, query: Query) -> str:
        name = query.text("ConfigurationSet.Name")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            raise SesError(
                "BadRequestException", f"Invalid configuration set name <{name}>.", v1_code="InvalidConfigurationSet"
            )
        if self._emulator.configuration_set(name) is not None:
            raise SesError(
                "AlreadyExistsException",
                f"Configuration set <{name}> already exists.",
                v1_code="ConfigurationSetAlreadyExists",
            )
        self._emulator.add_configuration_set(name)
        return ""

    def _delete(self, query: Query) -> str:
        self._known(query)
        self._emulator.remove_configuration_set(query.text("ConfigurationSetName"))
        return ""

    def _list(self, query: Query) -> str:
        names = "".join(
            f"<member><Name>{escape(it)}</Name></member>" for it in self._emulator.configuration_set_names()
        )
        return f"<ConfigurationSets>{names}</ConfigurationSets>"

    def _describe(self, query: Query) -> str:
        found = self._known(query)
        answer = f"<ConfigurationSet><Name>{escape(query.text('ConfigurationSetName'))}</Name></ConfigurationSet>"
        for attribute in query.members("ConfigurationSetAttributeNames.member"):
            if attribute == "eventDestinations":
                destinations = found.get("EventDestinations") or {}
                members = "".join(f"<member>{_destination(*it)}</member>" for it in destinations.items())
                answer += f"<EventDestinations>{members}</EventDestinations>"
            elif attribute == "trackingOptions" and found.get("TrackingOptions"):
                domain = found["TrackingOptions"].get("CustomRedirectDomain", "")
                answer += f"<TrackingOptions><CustomRedirectDomain>{domain}</CustomRedirectDomain></TrackingOptions>"
            elif attribute == "deliveryOptions" and found.get("DeliveryOptions"):
                policy = found["DeliveryOptions"].get("TlsPolicy", "OPTIONAL").capitalize()
                answer += f"<DeliveryOptions><TlsPolicy>{policy}</TlsPolicy></DeliveryOptions>"
            elif attribute == "reputationOptions":
                sending = (found.get("SendingOptions") or {}).get("SendingEnabled", True)
                metrics = (found.get("ReputationOptions") or {}).get("ReputationMetricsEnabled", False)
                answer += (
                    f"<ReputationOptions><SendingEnabled>{str(sending).lower()}</SendingEnabled>"
                    f"<ReputationMetricsEnabled>{str(metrics).lower()}</ReputationMetricsEnabled></ReputationOptions>"
                )
        return answer

    def _set_sending(self, query: Query) -> str:
        self._known(query)
        value = {"SendingEnabled": query.flag("Enabled")}
        self._emulator.set_option(query.text("ConfigurationSetName"), "SendingOptions", value)
        return ""

    def _set_reputation_metrics(self, query: Query) -> str:
        self._known(query)
        value = {"ReputationMetricsEnabled": query.flag("Enabled")}
        self._emulator.set_option(query.text("ConfigurationSetName"), "ReputationOptions", value)
        return ""

    def _put_destination(self, query: Query, *, create: bool) -> str:
        properties: dict[str, Any] = {
            "Enabled": query.flag("EventDestination.Enabled"),
            "MatchingEventTypes": query.members("EventDestination.MatchingEventTypes.member"),
        }
        topic = query.optional("EventDestination.SNSDestination.TopicARN")
        if topic is not None:
            properties["SnsDestination"] = {"TopicARN": topic}
        stream = query.optional("EventDestination.KinesisFirehoseDestination.DeliveryStreamARN")
        if stream is not None:
            role = query.text("EventDestination.KinesisFirehoseDestination.IAMRoleARN")
            properties["KinesisFirehoseDestination"] = {"DeliveryStreamARN": stream, "IAMRoleARN": role}
        dimensions = query.groups("EventDestination.CloudWatchDestination.DimensionConfigurations.member")
        if dimensions:
            names = ("DimensionName", "DimensionValueSource", "DefaultDimensionValue")
            configurations = [{name: it.text(name) for name in names} for it in dimensions]
            properties["CloudWatchDestination"] = {"DimensionConfigurations": configurations}
        self.put(
            query.text("ConfigurationSetName"),
            query.text("EventDestination.Name"),
            self._emulator.event_destination(properties),
            create=create,
        )
        return ""

    def _delete_destination(self, query: Query) -> str:
        self._known(query)
        set_name, name = query.text("ConfigurationSetName"), query.text("EventDestinationName")
        if not self._emulator.remove_event_destination(set_name, name):
            raise SesError(
                "NotFoundException",
                f"An event destination with name <{name}> does not exist for configuration set <{set_name}>.",
                v1_code="EventDestinationDoesNotExist",
            )
        return ""

    def _known(self, query: Query) -> Mapping[str, Any]:
        name = query.text("ConfigurationSetName")
        found = self._emulator.configuration_set(name)
        if found is None:
            raise no_configuration_set(name)
        return found


def _destination(name: str, definition: Mapping[str, Any]) -> str:
    """Return an event destination as API v1 writes it, which knows neither EventBridge nor the newer events."""
    types = "".join(f"<member>{_camel(it)}</member>" for it in definition["MatchingEventTypes"])
    answer = f"<Name>{escape(name)}</Name><Enabled>{str(definition['Enabled']).lower()}</Enabled>"
    answer += f"<MatchingEventTypes>{types}</MatchingEventTypes>"
    if "SnsDestination" in definition:
        answer += f"<SNSDestination><TopicARN>{definition['SnsDestination']['TopicArn']}</TopicARN></SNSDestination>"
    if "KinesisFirehoseDestination" in definition:
        firehose = definition["KinesisFirehoseDestination"]
        answer += (
            f"<KinesisFirehoseDestination><IAMRoleARN>{firehose['IamRoleArn']}</IAMRoleARN>"
            f"<DeliveryStreamARN>{firehose['DeliveryStreamArn']}</DeliveryStreamARN></KinesisFirehoseDestination>"
        )
    if "CloudWatchDestination" in definition:
        members = "".join(
            f"<member><DimensionName>{it['DimensionName']}</DimensionName>"
            f"<DimensionValueSource>{_camel(it['DimensionValueSource'])}</DimensionValueSource>"
            f"<DefaultDimensionValue>{it['DefaultDimensionValue']}</DefaultDimensionValue></member>"
            for it in definition["CloudWatchDestination"]["DimensionConfigurations"]
        )
        answer += (
            f"<CloudWatchDestination><DimensionConfigurations>{members}</DimensionConfigurations>"
            "</CloudWatchDestination>"
        )
    return answer


def _camel(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(it.capitalize() for it in rest)
