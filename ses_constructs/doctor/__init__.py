"""Is mail from a domain authenticated? The command ``ses-constructs doctor``: live DNS, and what SES says of it.

Needs the extra ``ses-constructs[doctor]``. Loads no part of the CDK.
"""
