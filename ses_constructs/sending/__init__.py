"""How is mail sent, and seen? Configuration sets and where their events go."""

from ses_constructs.sending.account_events import AccountEventType, SesAccountEvents
from ses_constructs.sending.cloud_watch_destination import CloudWatchEventDestination
from ses_constructs.sending.configuration_set import SendingConfigurationSet
from ses_constructs.sending.dedicated_ip_pool import DedicatedIpPool
from ses_constructs.sending.dimension import Dimension
from ses_constructs.sending.email_template import EmailTemplate
from ses_constructs.sending.event_bridge_destination import EventBridgeDestination
from ses_constructs.sending.event_rule import SesEventRule
from ses_constructs.sending.event_types import EventType
from ses_constructs.sending.firehose_destination import FirehoseEventDestination
from ses_constructs.sending.message_tags import MessageTag
from ses_constructs.sending.sns_destination import SnsEventDestination

__all__ = [
    "AccountEventType",
    "CloudWatchEventDestination",
    "DedicatedIpPool",
    "Dimension",
    "EmailTemplate",
    "EventBridgeDestination",
    "EventType",
    "FirehoseEventDestination",
    "MessageTag",
    "SendingConfigurationSet",
    "SesAccountEvents",
    "SesEventRule",
    "SnsEventDestination",
]
