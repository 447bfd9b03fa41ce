"""The reports handler: DMARC aggregate reports and TLS reports from a mailbox to rows in a bucket."""
