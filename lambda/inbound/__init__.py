"""The inbound handler: stored mails from a queue to one event each."""
