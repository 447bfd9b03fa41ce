"""What the handlers share: envelopes, SES events, addresses, metrics, dead letters."""
