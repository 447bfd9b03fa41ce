"""What happens with mail that arrives? Rule sets, mailboxes, and mail that becomes work."""

from ses_constructs.receiving.actions import BounceTemplate, Invocation, ReceiptAction, SnsEncoding
from ses_constructs.receiving.mx import InboundMx
from ses_constructs.receiving.rule_set import ActiveReceiptRuleSet

__all__ = ["ActiveReceiptRuleSet", "BounceTemplate", "InboundMx", "Invocation", "ReceiptAction", "SnsEncoding"]
