"""A local SES for tests and for play, on an embedded AWS emulator. Needs the extra ``ses-constructs[lab]``.

    with Lab() as lab:
        outputs = lab.deploy("path/to/app")
        lab.session().client("sesv2").send_email(...)

With pytest, the fixture ``ses_lab`` is a lab for the whole session.
"""

from ses_constructs.lab.errors import LabError
from ses_constructs.lab.lab import Lab
from ses_constructs.lab.observed import LabAction, LabEvent, LabMessage, LabReceived
from ses_constructs.lab.smtp_password import smtp_password

__all__ = ["Lab", "LabAction", "LabError", "LabEvent", "LabMessage", "LabReceived", "smtp_password"]
