"""What can be a domain with mail: RFC 1035, section 2.3.4, and RFC 1123, section 2.1."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def is_domain(name: str) -> bool:
    """Whether a name, without the final dot, has two or more labels of letters, digits and inner hyphens."""
    labels = name.split(".")
    well_formed = all(_LABEL.fullmatch(label) for label in labels)
    return well_formed and len(labels) > 1 and len(name) <= 253 and not labels[-1].isdigit()
