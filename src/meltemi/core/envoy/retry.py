"""Write a settled retry policy as Envoy's route.v3.RetryPolicy.

Place:  view/retry → [envoy/retry] → envoy/route
"""

from meltemi.core.envoy import pb
from meltemi.core.view.retry import Retry

HOST_PICKS = 5
"""Past this many picks Envoy takes an endpoint that it already tried rather than fail."""

PRIORITY_UPDATES = 2
"""After so many tries Envoy turns to priorities that it has not tried."""


def retry_policy(retry: Retry) -> pb.RetryPolicy:
    """Translate field by field."""
    conditions = retry.conditions
    if retry.status_codes:
        # Envoy reads `retriable_status_codes` only when this condition names it.
        conditions += ("retriable-status-codes",)
    policy = pb.RetryPolicy(
        retry_on=",".join(conditions),
        num_retries=pb.UInt32Value(value=retry.attempts),
        retriable_status_codes=retry.status_codes,
    )
    if retry.per_try_timeout is not None:
        policy.per_try_timeout.CopyFrom(pb.duration(retry.per_try_timeout))
    if retry.backoff is not None:
        policy.retry_back_off.base_interval.CopyFrom(pb.duration(retry.backoff))
    if retry.avoid_tried_hosts:
        policy.retry_host_predicate.add(
            name="envoy.retry_host_predicates.previous_hosts", typed_config=pb.any_of(pb.PreviousHostsPredicate())
        )
        policy.host_selection_retry_max_attempts = HOST_PICKS
    if retry.other_priorities:
        policy.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        config = pb.PreviousPrioritiesConfig(update_frequency=PRIORITY_UPDATES)
        policy.retry_priority.typed_config.CopyFrom(pb.any_of(config))
    return policy
