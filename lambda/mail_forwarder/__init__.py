"""The forwarder: mails of a mailbox, on to the people behind its addresses."""
