"""Moments as Kubernetes writes them.

Place:  node · used by replica_sets and deployments
"""

from datetime import UTC, datetime


def rfc3339(now: float) -> str:
    """Seconds since 1970 as `2026-11-23T14:00:00Z`."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> float:
    """Seconds since 1970; 0 for a text that is no moment."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
