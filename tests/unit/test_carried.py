"""References and files on their way back, and what the gate says of a copy."""

import pytest

from pytest_deploy.carrying.files import _path_of
from pytest_deploy.carrying.references import ReferencesBack
from pytest_deploy.config.files import FilesSettings
from pytest_deploy.transfer.manifest import Place
from pytest_deploy.transfer.references import References

SETTINGS = FilesSettings.model_validate(
    {
        "columns": ["t.foto"],
        "texts": ["t.cuerpo"],
        "buckets": {"fotos": {"paths": ["fotos/*"]}, "otros": {}},
    }
)
PLACES = {
    "fotos/día 1.jpg": Place("fotos", "fotos/dia-1.jpg"),
    "fotos/a.jpg": Place("fotos", "fotos/a.jpg"),
    'raro "x".txt': Place("otros", "raro-x-.txt"),
}
BACK, FORTH = ReferencesBack(PLACES, SETTINGS), References(PLACES, SETTINGS)


@pytest.mark.parametrize(
    ("column", "text", "back"),
    [
        ("t.foto", "fotos/fotos/a.jpg", "/uploads/fotos/a.jpg"),
        ("t.foto", "fotos/fotos/dia-1.jpg?w=9", "/uploads/fotos/día 1.jpg?w=9"),
        ("t.foto", "fotos/fotos/nadie.jpg", "fotos/fotos/nadie.jpg"),
        ("t.otra", "fotos/fotos/a.jpg", "fotos/fotos/a.jpg"),
        ("t.cuerpo", "mira fotos/fotos/a.jpg.", "mira /uploads/fotos/a.jpg."),
        ("t.cuerpo", "https://x.example/fotos/fotos/a.jpg", "https://x.example/fotos/fotos/a.jpg"),
        (
            "t.cuerpo",
            '<img src="fotos/fotos/dia-1.jpg"> y <a href="otros/raro-x-.txt">',
            '<img src="/uploads/fotos/d%C3%ADa%201.jpg"> y <a href="/uploads/raro%20%22x%22.txt">',
        ),
    ],
)
def test_a_reference_is_the_apps_again(column, text, back):
    """And what is written so leads to the same object on the way forth."""
    assert BACK.back(column, text) == back
    if column == "t.cuerpo":
        assert FORTH.rewrite(back)[0] == text


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Place("fotos", "fotos/b.jpg"), "fotos/b.jpg"),
        (Place("otros", "b.txt"), "b.txt"),
        (Place("otros", "fotos/b.jpg"), "otros/fotos/b.jpg"),
        (Place("fotos", "b.jpg"), "fotos/b.jpg"),
        (Place("otros", "../../etc/passwd"), "otros/c1e1ad0c8b"),
    ],
)
def test_a_new_file_gets_a_path_within_the_folder(place, path):
    """One that leads to its place again where there is one, and never one outside."""
    found = _path_of(place, {}, SETTINGS)
    assert ".." not in found
    assert found == path or found.startswith("otros/")


def test_a_new_file_never_takes_the_path_of_another():
    """Two objects of one name in two buckets are two files."""
    taken = {"b.txt": Place("otros", "b.txt")}
    assert _path_of(Place("fotos", "b.txt"), taken, SETTINGS) == "fotos/b.txt"
    taken |= {"fotos/b.txt": Place("fotos", "fotos/b.txt")}
    assert _path_of(Place("fotos", "b.txt"), taken, SETTINGS) not in taken
