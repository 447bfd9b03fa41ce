"""The feedback handler: SES bounces and complaints from a queue to the suppression ledger."""
