"""Write weights by observed latency: what measures each answer, and the balancer that weighs by it.

Place:  view/load_balancer, view/latency → [envoy/latency] → envoy/load_balancer, envoy/connection_pool
See:    design 0024

Envoy's weighted turns hear of an endpoint by a header of its answers (ORCA), which applications seldom send. Here the
caller's proxy writes it: two filters behind the choice of the endpoint measure how long an answer took, and report in
the endpoint's place.
"""

from meltemi.core.envoy import pb
from meltemi.core.view.latency import REPORT
from meltemi.core.view.load_balancer import Balancer, Warmup

AGGRESSION_KEY = "upstream.slow_start.aggression"
"""Envoy wants a runtime key; nothing sets it."""
_TOOK = "x-meltemi-took"
"""Between the two filters: who answered, and after how many microseconds."""
_MEASURED = "%UPSTREAM_REMOTE_ADDRESS% %COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)%"
_UPDATE = 1.0
"""Seconds between two looks at what was reported."""
_EXPIRY = 180.0
"""Seconds without an answer after which an endpoint counts as the others do: it is tried again."""
_SCRIPT = f"""local FASTEST, NEW, MOST, SCALE = 0.001, 0.3, 1000, 100000
local known, count = {{}}, 0
function envoy_on_response(handle)
  local headers = handle:headers()
  local who, took = string.match(headers:get("{_TOOK}") or "", "^(%S+) (%d+)$")
  headers:remove("{_TOOK}")
  headers:remove("{REPORT}")
  if not who then return end
  local seconds = math.max(tonumber(took) / 1000000, FASTEST)
  local failed = (tonumber(headers:get(":status")) or 0) >= 500 and 1 or 0
  local before = known[who]
  if before then
    seconds = before[1] + (seconds - before[1]) * NEW
    failed = before[2] + (failed - before[2]) * NEW
  else
    if count >= MOST then known, count = {{}}, 0 end
    count = count + 1
  end
  known[who] = {{seconds, failed}}
  headers:add("{REPORT}", string.format("TEXT rps_fractional=%d,eps=%f,named_metrics.latency=%f",
    SCALE, SCALE * failed, seconds))
end
"""
"""A moving mean for each endpoint: a new answer counts for three tenths. A millisecond is the shortest time that is
told apart; who only answers errors counts as if each took a second more. The weight is SCALE / seconds."""


def by_latency(balancer: Balancer) -> pb.LoadBalancingPolicy:
    """Turns by weight; among localities with shares, in each of them."""
    turns = pb.WeightedRoundRobin(metric_names_for_computing_utilization=["named_metrics.latency"])
    turns.blackout_period.CopyFrom(pb.duration(0))
    turns.weight_update_period.CopyFrom(pb.duration(_UPDATE))
    turns.weight_expiration_period.CopyFrom(pb.duration(_EXPIRY))
    turns.error_utilization_penalty.value = 1.0
    if balancer.warmup is not None:
        _write_warmup(balancer.warmup, turns)
    whole = _policy("by-latency", turns)
    return (
        _policy("by-locality", pb.WeightedLocalities(endpoint_picking_policy=whole)) if balancer.by_locality else whole
    )


def _policy(name: str, config: pb.Message) -> pb.LoadBalancingPolicy:
    written = pb.LoadBalancingPolicy()
    one = written.policies.add().typed_extension_config
    one.name = name
    one.typed_config.CopyFrom(pb.any_of(config))
    return written


def _write_warmup(warmup: Warmup, turns: pb.WeightedRoundRobin) -> None:
    turns.slow_start_config.slow_start_window.CopyFrom(pb.duration(warmup.duration))
    turns.slow_start_config.min_weight_percent.value = warmup.least
    turns.slow_start_config.aggression.default_value = warmup.aggression
    turns.slow_start_config.aggression.runtime_key = AGGRESSION_KEY


def measuring() -> tuple[pb.HttpFilter, ...]:
    """The filters of a cluster's requests; answers meet the last one first."""
    script, measured = pb.Lua(), pb.HeaderMutation()
    script.default_source_code.inline_string = _SCRIPT
    said = measured.mutations.response_mutations.add().append
    said.header.key, said.header.value = _TOOK, _MEASURED
    said.append_action = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return (
        _filter("meltemi.latency", script),
        _filter("meltemi.took", measured),
        _filter("envoy.filters.http.upstream_codec", pb.UpstreamCodec()),
    )


def _filter(name: str, config: pb.Message) -> pb.HttpFilter:
    return pb.HttpFilter(name=name, typed_config=pb.any_of(config))
