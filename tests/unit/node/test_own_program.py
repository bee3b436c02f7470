"""A program of one's own becomes an account, a Service and a Deployment."""

from meltemi.core.check.validate import check_document
from meltemi.core.node.own_program import OwnProgram, objects

PROGRAM = OwnProgram(
    name="web", version="v2", ports=(8080, 9090), command=("python", "app.py"), directory="/home/me",
    environment=(("PATH", "/bin"),),
)  # fmt: skip


def test_the_objects_are_sound() -> None:
    assert [check_document(one)[1] for one in objects(PROGRAM)] == [(), (), ()]


def test_versions_share_a_service() -> None:
    _, service, deployment = objects(PROGRAM)

    assert deployment["metadata"]["name"] == "web-v2"
    assert service["spec"]["selector"] == {"app": "web"}
    assert deployment["spec"]["template"]["metadata"]["labels"] == {"app": "web", "version": "v2"}
    assert [port["name"] for port in service["spec"]["ports"]] == ["http", "http-9090"]


def test_the_program_runs_where_it_was_asked_for() -> None:
    (container,) = list(objects(PROGRAM))[2]["spec"]["template"]["spec"]["containers"]

    assert (container["command"], container["workingDir"]) == (["python", "app.py"], "/home/me")
    assert container["env"] == [{"name": "PATH", "value": "/bin"}]


def test_without_a_program_the_image_map_is_asked() -> None:
    (container,) = list(objects(OwnProgram(name="web", ports=(80,))))[2]["spec"]["template"]["spec"]["containers"]

    assert container["image"] == "web"
    assert "command" not in container
