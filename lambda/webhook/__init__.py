"""Hands changes of the suppression ledger to an HTTPS endpoint, signed."""
