"""Keeps SES's own lists in step with the suppression ledger."""
