"""What is said of a git that is not there, or that refuses."""

from pathlib import Path

import pytest

from preview.git import GitError, git


def test_a_git_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        GitError, match=r"^git cannot be run: No such file or directory; install it, or put it on PATH$"
    ):
        git(tmp_path, "version")


def test_what_git_says_last_is_told_with_its_code(tmp_path: Path) -> None:
    with pytest.raises(GitError, match=r"^git cat-file: fatal: not a git repository") as caught:
        git(tmp_path, "cat-file", "commit", "HEAD")
    assert "\n" not in str(caught.value)
    assert caught.value.code == 128


def test_a_refusal_without_a_word_is_one_line_too(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(GitError, match=r"^git rev-parse: failed, and does not say why$") as caught:
        git(tmp_path, "rev-parse", "--verify", "--quiet", "HEAD")
    assert caught.value.code == 1
