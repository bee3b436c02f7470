"""A directory that is followed: what files say is applied, what they stop saying is deleted."""

from pathlib import Path
from typing import Any

import pytest

from meltemi.apps.followed import Followed
from meltemi.core.model.document import Key


class Mesh:
    """Takes every file but those with the word `bad`, and those that want a namespace that is not there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.applied: list[str] = []
        self.deleted: list[str] = []
        self.followed = Followed([root], self._apply, self._delete)

    def _apply(self, file: Path) -> dict[str, Any]:
        text = file.read_text()
        refused = "bad" in text or ("shop" in text and "b.yaml" not in self.applied and file.name != "b.yaml")
        if not refused:
            self.applied.append(file.name)
        return {"refused": refused, "findings": []}

    def _delete(self, key: Key) -> None:
        self.deleted.append(key.name)

    def write(self, name: str, *objects: str, more: str = "") -> Path:
        path = self.root / name
        path.write_text(
            "".join(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {o}}}\n" for o in objects) + more
        )
        return path


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    return Mesh(tmp_path.resolve())


def test_all_files_are_applied_in_whatever_order_they_stand_on_each_other(mesh: Mesh) -> None:
    mesh.write("a.yaml", "one", more="# shop")
    mesh.write("b.yaml", "shop")
    (mesh.root / "notes.txt").write_text("bad")

    assert mesh.followed.all()
    assert mesh.applied == ["b.yaml", "a.yaml"]


def test_a_bad_file_does_not_hold_up_the_others(mesh: Mesh) -> None:
    mesh.write("a.yaml", "one", more="# bad")
    mesh.write("c.yaml", "two")

    assert not mesh.followed.all()
    assert mesh.applied == ["c.yaml"]


def test_what_a_file_stops_saying_is_deleted(mesh: Mesh) -> None:
    file = mesh.write("a.yaml", "one", "two")
    mesh.followed.all()
    mesh.write("a.yaml", "two", "three")

    assert mesh.followed.changed([file])
    assert mesh.deleted == ["one"]


def test_the_objects_of_a_removed_file_are_deleted(mesh: Mesh) -> None:
    file = mesh.write("a.yaml", "one")
    mesh.followed.all()
    file.unlink()

    assert mesh.followed.changed([file])
    assert mesh.deleted == ["one"]


def test_a_file_that_turns_bad_changes_nothing(mesh: Mesh) -> None:
    file = mesh.write("a.yaml", "one", "two")
    mesh.followed.all()
    mesh.write("a.yaml", "one", more="# bad")

    assert not mesh.followed.changed([file])
    assert mesh.deleted == []

    mesh.write("a.yaml", "one")
    assert mesh.followed.changed([file])
    assert mesh.deleted == ["two"]


def test_an_object_that_moves_to_another_file_stays(mesh: Mesh) -> None:
    old = mesh.write("a.yaml", "one")
    mesh.followed.all()
    old.unlink()
    new = mesh.write("z.yaml", "one")

    assert mesh.followed.changed([old, new])
    assert mesh.deleted == []


def test_other_files_are_left_alone(mesh: Mesh) -> None:
    notes = mesh.root / "notes.txt"
    notes.write_text("bad")

    assert mesh.followed.changed([notes])
    assert mesh.applied == []
