"""Write the filter that says in a header of each answer which rule decided.

Place:  [envoy/policy_header] → envoy/filters, pipeline/extensions

It stands first, so it sees all answers: the application's, and those of the proxy itself. The header is the proxy's own
word: what the application says under this name is taken away, also where nothing is shown. At a gateway that shows it,
the word of the proxy beside the workload stays, which decided last.
"""

from meltemi.core.envoy import pb

HEADER = "x-meltemi-policy"
_SAID = "%DYNAMIC_METADATA(envoy.filters.http.rbac:enforced_{})%"
_VALUE = f"{_SAID.format('engine_result')} {_SAID.format('effective_policy_id')}"
"""`allowed` or `denied`, and the rule's name; without one where nothing matched. Empty where nothing is in force."""


def no_policy_header() -> pb.HeaderMutation:
    """No answer has the header."""
    written = pb.HeaderMutation()
    written.mutations.response_mutations.add(remove=HEADER)
    return written


def policy_header(*, gateway: bool) -> pb.HeaderMutation:
    """Answers have the header."""
    written = pb.HeaderMutation() if gateway else no_policy_header()
    said = written.mutations.response_mutations.add().append
    said.header.key, said.header.value = HEADER, _VALUE
    said.append_action = pb.HeaderValueOption.ADD_IF_ABSENT
    return written
