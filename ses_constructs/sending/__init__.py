"""How is mail sent, and seen? Configuration sets and where their events go."""

from ses_constructs.sending.configuration_set import SendingConfigurationSet
from ses_constructs.sending.event_types import EventType
from ses_constructs.sending.firehose_destination import FirehoseEventDestination
from ses_constructs.sending.message_tags import MessageTag
from ses_constructs.sending.sns_destination import SnsEventDestination

__all__ = ["EventType", "FirehoseEventDestination", "MessageTag", "SendingConfigurationSet", "SnsEventDestination"]
