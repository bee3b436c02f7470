"""`meltemi run` puts programs into the mesh, `meltemi up --watch` follows a directory."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.mesh import HERE, MELTEMI, Mesh, eventually, missing, networks

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]

CLIENT = HERE / "manifests/client.yaml"
PROGRAM = """\
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write((os.environ["SAYS"] + "\\n").encode())
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
HEADER = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\nspec:\n  hosts: [web]\n"
FAULT = HEADER + (
    "  http: [{{fault: {{abort: {{httpStatus: {status}, percentage: {{value: 100}}}}}},"
    " route: [{{destination: {{host: web}}}}]}}]\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "app.py").write_text(PROGRAM)
    (folder / "mesh").mkdir()
    (folder / "mesh/client.yaml").write_text(CLIENT.read_text())
    return folder


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Generator[Mesh]:
    """A mesh that follows `home/mesh`."""
    if why := missing():
        pytest.skip(why)
    mesh = Mesh(tmp_path_factory.mktemp("watching") / "state")
    arguments = ["up", "--state", mesh.state, *networks(), "-f", "mesh", "--watch"]
    with (home / "up.log").open("w") as log:
        up = subprocess.Popen([MELTEMI, *arguments], cwd=home, stdout=log, stderr=log)
    try:
        eventually(lambda: "gateway: " in (home / "up.log").read_text(), 60)
        yield mesh
        up.send_signal(signal.SIGINT)
        up.wait(60)
        assert not (mesh.state / "api.sock").exists()
    finally:
        up.kill()
        mesh.down()


def start(mesh: Mesh, home: Path, *options: str) -> None:
    line = [
        MELTEMI,
        "run",
        "--state",
        mesh.state,
        "--name",
        "web",
        "--port",
        "8080",
        *options,
        "--",
        sys.executable,
        "app.py",
    ]
    done = subprocess.run(line, cwd=home, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def answers(mesh: Mesh, count: int = 1) -> list[str]:
    url = f"http://web:8080/?n=[1-{count}]"
    return mesh.exec(mesh.pod("client-"), "curl", "-s", "-m", "5", url, status=range(256)).split()


def code(mesh: Mesh) -> str:
    words = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://web:8080/")
    return mesh.exec(mesh.pod("client-"), *words, status=range(256))


def test_a_program_is_reached_by_its_name_and_a_second_version_behind_the_same_one(mesh: Mesh, home: Path) -> None:
    start(mesh, home, "--env", "SAYS=one", "--detach")
    eventually(lambda: answers(mesh) == ["one"], 20)

    start(mesh, home, "--env", "SAYS=two", "--version", "v2", "--detach")
    eventually(lambda: set(answers(mesh, 20)) == {"one", "two"}, 20)


def test_in_the_foreground_ctrl_c_takes_it_out(mesh: Mesh, home: Path) -> None:
    line = [MELTEMI, "run", "--state", mesh.state, "--name", "brief", "--port", "8080", "--env", "SAYS=here"]
    running = subprocess.Popen(
        [*line, "--", sys.executable, "-u", "app.py"], cwd=home, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout
    assert running.stdout.readline() == "http://brief.default:8080\n"
    mesh.pod("brief-v1-")

    os.kill(running.pid, signal.SIGINT)

    assert running.wait(30) == 0
    assert "brief" not in mesh.run("get", "deployments,services,serviceaccounts")


def test_files_are_followed(mesh: Mesh, home: Path) -> None:
    file, other = home / "mesh/fault.yaml", home / "mesh/moved.yaml"

    file.write_text(FAULT.format(name="fault", status=418))
    eventually(lambda: code(mesh) == "418", 20)

    file.write_text(FAULT.format(name="fault", status=503))
    eventually(lambda: code(mesh) == "503", 20)

    file.write_text(FAULT.format(name="fault", status="'what'"))
    eventually(lambda: "fault.yaml is refused" in (home / "up.log").read_text(), 20)
    assert code(mesh) == "503"

    file.rename(other)
    other.write_text(FAULT.format(name="fault", status=418))
    eventually(lambda: code(mesh) == "418", 20)

    other.unlink()
    eventually(lambda: code(mesh) == "200", 20)


def test_a_job_ends_although_its_pod_is_in_the_mesh(mesh: Mesh, home: Path) -> None:
    script = "curl -sf --retry 5 --retry-all-errors http://web:8080/"
    (home / "mesh/job.yaml").write_text(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: ask}\nspec:\n  template:\n    spec:\n"
        "      restartPolicy: Never\n      containers:\n      - name: ask\n        image: none\n"
        f"        command: [sh, -c, '{script}']\n"
    )

    def status() -> dict[str, object]:
        return mesh.json("get", "job", "ask").get("status") or {}

    eventually(lambda: "ask" in mesh.run("get", "jobs"), 20)
    eventually(lambda: status().get("completionTime"), 40)

    pod = next(one for one in mesh.json("get", "pods")["items"] if one["metadata"]["name"].startswith("ask-"))
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["istio-init", "istio-proxy"]
    assert mesh.run("logs", pod["metadata"]["name"], "-c", "ask").strip() in {"one", "two"}
