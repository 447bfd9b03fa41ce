"""How is mail sent, and seen? Configuration sets and where their events go."""

from ses_constructs.sending.cloud_watch_destination import CloudWatchEventDestination
from ses_constructs.sending.configuration_set import SendingConfigurationSet
from ses_constructs.sending.dedicated_ip_pool import DedicatedIpPool
from ses_constructs.sending.dimension import Dimension
from ses_constructs.sending.email_template import EmailTemplate
from ses_constructs.sending.event_types import EventType
from ses_constructs.sending.sns_destination import SnsEventDestination

__all__ = [
    "CloudWatchEventDestination",
    "DedicatedIpPool",
    "Dimension",
    "EmailTemplate",
    "EventType",
    "SendingConfigurationSet",
    "SnsEventDestination",
]
