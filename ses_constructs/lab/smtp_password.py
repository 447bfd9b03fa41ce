"""The SMTP password of an IAM access key.

See https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html.
"""

import base64
import hashlib
import hmac

_VERSION = 4
_DATE, _SERVICE, _TERMINAL, _MESSAGE = "11111111", "ses", "aws4_request", "SendRawEmail"


def smtp_password(secret_access_key: str, region: str) -> str:
    """Derive the password that goes with an access key id as user name. It is good for one region alone."""
    signature = f"AWS4{secret_access_key}".encode()
    for part in (_DATE, region, _SERVICE, _TERMINAL, _MESSAGE):
        signature = hmac.digest(signature, part.encode(), hashlib.sha256)
    return base64.b64encode(bytes([_VERSION]) + signature).decode()
