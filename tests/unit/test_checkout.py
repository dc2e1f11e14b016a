"""What git says of a working tree."""

import subprocess

import pytest

from pytest_deploy.engine.checkout import Checkout, checkout_of


def git(folder, *arguments):
    author = ("-c", "user.name=a", "-c", "user.email=a@x")
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def tree(tmp_path):
    """A repository with one commit, the app in a folder below."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/deploy.toml").write_text("[app]\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_tree_as_committed_is_clean(tree):
    """Its commit is told whole."""
    found = checkout_of(tree / "app")
    assert found == Checkout(git(tree, "rev-parse", "HEAD"), clean=True)


@pytest.mark.parametrize("name", ["app/deploy.toml", "app/new.txt", "elsewhere.txt"])
def test_a_changed_or_a_new_file_is_dirty(tree, name):
    """Anywhere in the repository."""
    (tree / name).write_text("otra cosa")
    assert not checkout_of(tree / "app").clean


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_is_told_not_to_look_at_is_dirty(tree, flag):
    """Whether or not it was changed: git would not say."""
    git(tree, "update-index", flag, "app/deploy.toml")
    (tree / "app/deploy.toml").write_text("otra cosa")
    assert not checkout_of(tree / "app").clean


def test_no_configuration_hides_a_new_file(tree):
    """Neither this machine's nor the repository's."""
    git(tree, "config", "status.showUntrackedFiles", "no")
    (tree / "new.txt").write_text("nueva")
    assert not checkout_of(tree / "app").clean


def test_the_evidence_does_not_count(tree):
    """It is written by the very run that asks."""
    evidence = tree / "app/.deploy"
    evidence.mkdir()
    (evidence / "report.json").write_text("{}")
    assert not checkout_of(tree / "app").clean
    assert checkout_of(tree / "app", besides=evidence).clean


def test_without_git_there_is_no_commit(tmp_path, tree, monkeypatch):
    """Not a repository, no commit yet, or no git at all."""
    other = tmp_path / "empty"
    other.mkdir()
    git(other, "init", "-q")
    assert checkout_of(other) == Checkout()
    assert checkout_of(tmp_path / "nowhere") == Checkout()
    monkeypatch.setenv("PATH", "")
    assert checkout_of(tree) == Checkout()
