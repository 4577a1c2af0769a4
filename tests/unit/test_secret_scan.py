"""Neither what git tracks, nor what it ever tracked, nor what the flow image is built from holds a secret.

What looks like one and is none is explained in .gitleaks.toml and .detect-secrets.yaml.
"""

import json
import os
import random
import re
import string
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from detect_secrets.core import scan
from detect_secrets.settings import default_settings

from components import image_content
from preview.git import git
from tests.engine.clone import commit
from toolchain import installer
from toolchain.tool import GITLEAKS

pytestmark = pytest.mark.audit

ROOT = Path(__file__).parents[2]
EXPLAINED = ".detect-secrets.yaml"
RULES = ("azure-ad-client-secret", "generic-api-key", "private-key")
Record = Callable[[str, object], None]


def tracked() -> dict[str, bytes]:
    """What the working tree holds of the files that git tracks, by path."""
    paths = git(ROOT, "ls-files", "-z").decode().split("\0")[:-1]
    return {path: (ROOT / path).read_bytes() for path in paths if (ROOT / path).is_file()}


def written(content: Mapping[str, bytes], folder: Path) -> Path:
    for path, data in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def leaks(command: str, folder: Path) -> set[str]:
    """What gitleaks finds in a folder (`dir`) or in a clone's history (`git`), by file and rule."""
    tool = installer.ensure(GITLEAKS, os.environ) / GITLEAKS.command
    options = ["--config", ROOT / ".gitleaks.toml", "--no-banner", "--no-color", "--redact", "--exit-code", "0"]
    report = ["--report-format", "json", "--report-path", "-"]
    done = subprocess.run(
        [tool, command, *options, *report, "."], cwd=folder, capture_output=True, text=True, check=False
    )
    # Where git fails, or nothing is there, gitleaks finds nothing and is content.
    assert done.returncode == 0, done.stderr
    assert not re.search(r" (ERR|FTL) ", done.stderr), done.stderr
    assert re.search(r"scanned ~[1-9]", done.stderr), done.stderr
    return {f"{one['File']}: {one['RuleID']}" for one in json.loads(done.stdout)}


def suspicions(folder: Path, paths: list[str]) -> set[tuple[str, str, str]]:
    """What detect-secrets finds in files, offline: path, value and kind."""
    found = set()
    for path in paths:
        with default_settings() as settings:
            if path.startswith("tests/"):
                # It goes by words such as password, which tests give to what must not show.
                settings.disable_plugins("KeywordDetector")
            found |= {(path, str(one.secret_value), one.type) for one in scan.scan_file(str(folder / path))}
    return found


def explained() -> set[tuple[str, str]]:
    files = yaml.safe_load((ROOT / EXPLAINED).read_text("utf-8"))
    return {(path, value) for path, values in files.items() for value in values}


def secrets_of_nobody() -> bytes:
    """Secrets put together from pieces, so that no scanner finds them in this file."""
    letters = string.ascii_letters + string.digits
    some = random.Random(8)  # noqa: S311 - the secrets are nobody's
    client_secret = "".join(some.choices(letters, k=3)) + "8Q" + "~" + "".join(some.choices(letters, k=34))
    account_key = "Account" + "Key=" + "".join(some.choices(letters, k=86)) + "=="
    key = "".join(some.choices(letters, k=256))
    private_key = f"-----BEGIN RSA {'PRIVATE'} KEY-----\n{key}\n-----END RSA {'PRIVATE'} KEY-----"
    return f'"{client_secret}"\n"{account_key}"\n{private_key}\n'.encode()


def test_gitleaks_finds_nothing_in_what_git_tracks(tmp_path: Path, record_property: Record) -> None:
    found = leaks("dir", written(tracked(), tmp_path))
    record_property("gitleaks on tracked files, findings", len(found))
    assert found == set()


def test_gitleaks_finds_nothing_in_the_history(record_property: Record) -> None:
    found = leaks("git", ROOT)
    commits = int(git(ROOT, "rev-list", "--all", "--count"))
    record_property("gitleaks on the history, findings and commits", f"{len(found)} and {commits}")
    assert found == set()


def test_gitleaks_finds_nothing_in_what_the_flow_image_is_built_from(tmp_path: Path, record_property: Record) -> None:
    found = leaks("dir", written(image_content.files(ROOT), tmp_path))
    record_property("gitleaks on the flow image's build context, findings", len(found))
    assert found == set()


def test_detect_secrets_finds_no_more_in_what_git_tracks_than_is_explained(record_property: Record) -> None:
    # The list of what is found would be found.
    paths = [path for path in tracked() if path != EXPLAINED]
    found = {(path, value) for path, value, _ in suspicions(ROOT, paths)}
    wrong = sorted(path for path, _ in found - explained())
    record_property(
        "detect-secrets on tracked files, unexplained and explained", f"{len(wrong)} and {len(explained())}"
    )
    assert wrong == []
    assert explained() - found == set(), "these explain nothing: remove them"


@pytest.mark.parametrize("path", ["Pulumi.dev.yaml", "utils/config.py", "tests/unit/test_house.py"])
def test_a_secret_among_the_tracked_files_is_found(tmp_path: Path, path: str) -> None:
    content = tracked()
    written(content | {path: content[path] + secrets_of_nobody()}, tmp_path)
    assert leaks("dir", tmp_path) == {f"{path}: {rule}" for rule in RULES}
    kinds = {kind for where, value, kind in suspicions(tmp_path, [path]) if (where, value) not in explained()}
    assert {"Azure Storage Account access key", "Private Key"} <= kinds


def test_a_secret_that_a_later_commit_removed_is_found(tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--", str(ROOT), "clone")
    clone = tmp_path / "clone"
    file = clone / "utils/config.py"
    before = file.read_bytes()
    for content in (before + secrets_of_nobody(), before):
        file.write_bytes(content)
        commit(clone, "work")
    assert leaks("git", clone) == {f"utils/config.py: {rule}" for rule in RULES}


def test_a_secret_in_what_the_flow_image_is_built_from_is_found(tmp_path: Path) -> None:
    content = {**image_content.files(ROOT), "tasks/key.pem": secrets_of_nobody()}
    assert leaks("dir", written(content, tmp_path)) == {f"tasks/key.pem: {rule}" for rule in RULES}
