"""What the status of a document says."""

from typing import Any

from meltemi.core.crds.status import Progress, is_urgent, progress_at, status_of
from meltemi.core.model.finding import Severity
from meltemi.core.model.shown import Shown

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"


def tree(status: object = None) -> dict[str, Any]:
    return {"metadata": {"generation": 3}, "status": status}


def fault(severity: Severity) -> Shown:
    return Shown(
        code="M2104", severity=severity, message="unknown retry condition", path="spec.http[0]", help="mend it"
    )


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str, str, str]]:
    return {
        one["type"]: (one["status"], one["reason"], one["message"], one["lastTransitionTime"])
        for one in status["conditions"]
    }


def test_what_every_proxy_has_is_programmed() -> None:
    status = status_of(tree(), (), Progress(acknowledged=7, connected=7), now=EARLY)

    assert conditions(status) == {
        "Accepted": ("True", "Accepted", "", EARLY),
        "Programmed": ("True", "Programmed", "7/7", EARLY),
    }
    assert status["observedGeneration"] == 3
    assert status["findings"] == []


def test_times_are_those_of_the_last_turn() -> None:
    first = status_of(tree(), (), Progress(acknowledged=6, connected=7), now=EARLY)
    second = status_of(tree(first), (), Progress(acknowledged=7, connected=7), now=LATE)
    third = status_of(tree(second), (), Progress(acknowledged=7, connected=7), now="later still")

    assert conditions(first)["Programmed"] == ("False", "Pending", "6/7", EARLY)
    assert conditions(second)["Programmed"] == ("True", "Programmed", "7/7", LATE)
    assert conditions(second)["Accepted"][3] == EARLY
    assert third == second


def test_a_warning_is_told_and_an_error_is_not_accepted() -> None:
    everybody = Progress(acknowledged=1, connected=1)
    warned = status_of(tree(), [fault(Severity.WARNING)], everybody, now=EARLY)
    refused = status_of(tree(), [fault(Severity.ERROR)], everybody, now=EARLY)

    assert conditions(warned)["Accepted"][0] == "True"
    assert warned["findings"] == [
        {
            "code": "M2104", "severity": "warning", "path": "spec.http[0]", "message": "unknown retry condition",
            "help": "mend it",
        }
    ]  # fmt: skip
    assert conditions(refused)["Accepted"] == ("False", "Invalid", "unknown retry condition", EARLY)
    assert conditions(refused)["Programmed"][:2] == ("False", "Invalid")


def test_who_owes_an_older_answer_only_has_it() -> None:
    def at(revision: int) -> tuple[int, int]:
        found = progress_at(revision, settled=20, connected=5, owing=(10, 12, 20))
        return found.acknowledged, found.connected

    assert at(21) == (0, 5)
    assert at(20) == (4, 5)
    assert at(11) == (3, 5)
    assert at(0) == (2, 5)


def test_proxies_that_come_and_go_can_wait() -> None:
    def status(acknowledged: int, connected: int, *findings: Shown, generation: int = 3) -> dict[str, Any]:
        tree = {"metadata": {"generation": generation}}
        return status_of(tree, findings, Progress(acknowledged=acknowledged, connected=connected), now=EARLY)

    assert not is_urgent(status(7, 8), status(7, 7))
    assert not is_urgent(status(8, 8), status(7, 7))
    assert not is_urgent(status(6, 7), status(5, 7))
    assert is_urgent(status(7, 7), status(6, 7))
    assert is_urgent(status(6, 7, generation=4), status(7, 7))
    assert is_urgent(status(7, 7, fault(Severity.WARNING)), status(7, 7))
    assert is_urgent(status(7, 7), {})
