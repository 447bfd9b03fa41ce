"""What the environment says."""

import os


def variable(name: str) -> str:
    """Return the environment variable *name*.

    :raises RuntimeError: if it is missing or empty.
    """
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"The environment variable {name} is not set.")
    return value


def metrics_namespace(purpose: str) -> str:
    """Return the namespace of the metrics: of the library for this *purpose*, unless the user wants another."""
    return os.environ.get("METRICS_NAMESPACE") or f"SesConstructs/{purpose}"
