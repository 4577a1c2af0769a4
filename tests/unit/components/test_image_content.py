"""What goes into the flow image, and what it is called."""

import fnmatch
import io
import os
import re
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from components import image_content
from components.image_content import ImageContentError
from registration.error import RegistrationError

ROOT = Path(__file__).parents[3]
CONTENT = {
    "Dockerfile": b"FROM base\n",
    "requirements/flows.txt": b"prefect==1.4.1\n",
    "tasks/__init__.py": b"",
    "tasks/deep/er/table.csv": b"1,2\n",
    "utils/__init__.py": b"",
    "utils/notes.md": b"#",
}
TRAPS = (
    ".env",
    ".git/config",
    "pyproject.toml",
    "flows/etl.py",
    "requirements/dev.txt",
    "requirements/.env",
    "tasks.py",
    "tasks/.env",
    "tasks/.idea/secret.xml",
    "tasks/.#table.csv",
    "tasks/#table.csv#",
    "tasks/table.csv~",
    "tasks/.table.csv.swp",
    "tasks/__pycache__/a.cpython-311.pyc",
    "tasks/__pycache__/data.txt",
    "tasks/deep/__pycache__/b.pyc",
    "tasks/deep/left.pyo",
    "tasks/deep/left.pyc",
    "other/tasks/a.py",
    "other/Dockerfile",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, content in {**CONTENT, **dict.fromkeys(TRAPS, b"secret")}.items():
        write(tmp_path / path, content)
    return tmp_path


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_what_it_is_made_of_goes_in_and_nothing_that_lies_beside_it(root: Path) -> None:
    assert image_content.files(root) == CONTENT
    assert list(image_content.files(root)) == sorted(CONTENT)


def test_a_build_by_hand_is_given_the_same(root: Path) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert {path for path in found if not ignored(path, rules)} == set(CONTENT)


def ignored(path: str, rules: list[str]) -> bool:
    """What Docker makes of a .dockerignore: the last rule that fits the path, or a folder above it, decides."""
    decided = False
    for rule in rules:
        wanted = rule.removeprefix("!")
        above = [str(parent) for parent in PurePosixPath(path).parents if parent.name]
        if any(re.fullmatch(expression(wanted), each) for each in (path, *above)):
            decided = not rule.startswith("!")
    return decided


def expression(rule: str) -> str:
    anywhere = rule.startswith("**/")
    steps = [fnmatch.translate(step).replace(".*", "[^/]*") for step in rule.removeprefix("**/").split("/")]
    return ("(?:.*/)?" if anywhere else "") + "/".join(steps).replace(r"\Z", "")


def test_a_content_hash_is_the_same_wherever_and_whenever_and_whoever_asks(root: Path) -> None:
    first = image_content.content_hash(root)
    assert re.fullmatch("[0-9a-f]{64}", first)
    os.utime(root / "Dockerfile", (1, 1))
    (root / "tasks/__init__.py").chmod(0o700)
    moved = root.rename(root.with_name("elsewhere"))
    assert image_content.content_hash(moved) == first
    assert image_content.hash_of(dict(reversed(CONTENT.items()))) == first


@pytest.mark.parametrize("path", CONTENT)
def test_every_byte_and_every_path_counts(root: Path, path: str) -> None:
    before = image_content.content_hash(root)
    write(root / path, CONTENT[path] + b" ")
    changed = image_content.content_hash(root)
    write(root / path, CONTENT[path])
    write(root / "tasks/one_more.py", b"")
    assert len({before, changed, image_content.content_hash(root)}) == 3


@pytest.mark.parametrize("path", TRAPS)
def test_what_stays_out_moves_nothing(root: Path, path: str) -> None:
    before = image_content.content_hash(root)
    write(root / path, b"another secret")
    assert image_content.content_hash(root) == before


def test_a_content_hash_of_today_is_one_of_tomorrow() -> None:
    assert image_content.hash_of(CONTENT) == "45f8a64bf87263fd61d6d8eca8c2b5b419b359ec30ddd9665c5ba107b5606324"


def test_an_archive_holds_the_content_and_nothing_of_the_machine(root: Path) -> None:
    packed = image_content.archive_of(image_content.files(root))
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        members = {member.name: member for member in tar}
        assert {name: (tar.extractfile(name) or io.BytesIO()).read() for name in members} == CONTENT
    assert {(each.mtime, each.uid, each.uname, each.mode) for each in members.values()} == {(0, 0, "", 0o644)}
    assert image_content.archive_of(dict(reversed(CONTENT.items()))) == packed


def test_a_tag_tells_the_content_and_the_base_apart() -> None:
    one, two = "1" * 64, "2" * 64
    assert image_content.tag(one, "python:3.11") == "1111111111111111-e50c0375"
    assert len({image_content.tag(each, base) for each in (one, two) for base in ("a", "b")}) == 4


@pytest.mark.parametrize("path", ["Dockerfile", "requirements/flows.txt"])
def test_a_part_that_is_missing_is_told(root: Path, path: str) -> None:
    (root / path).unlink()
    with pytest.raises(ImageContentError, match=f"^{root / path} is missing, .*; restore it from Git$"):
        image_content.files(root)


@pytest.mark.parametrize("folder", ["tasks", "utils"])
def test_a_folder_without_a_file_is_told(root: Path, folder: str) -> None:
    for path in CONTENT:
        if path.startswith(folder):
            (root / path).unlink()
    with pytest.raises(ImageContentError, match=f"^{root / folder} holds no file, .*: add __init__.py$"):
        image_content.files(root)
    (root / folder).rename(root / "away")
    with pytest.raises(ImageContentError, match="holds no file"):
        image_content.files(root)


@pytest.mark.parametrize("target", ["/etc/passwd", "__init__.py", "nowhere", "deep", "/etc"])
def test_a_link_is_refused_wherever_it_leads(root: Path, target: str) -> None:
    (root / "tasks/link").symlink_to(target)
    with pytest.raises(ImageContentError, match=f"^{root / 'tasks/link'} is a symbolic link; .*: put a copy there$"):
        image_content.files(root)


@pytest.mark.parametrize("path", ["Dockerfile", "requirements", "tasks"])
def test_a_part_that_is_a_link_is_refused(root: Path, path: str) -> None:
    (root / path).rename(root / "away")
    (root / path).symlink_to("away")
    with pytest.raises(ImageContentError, match="is a symbolic link"):
        image_content.files(root)


def test_what_is_neither_a_file_nor_a_folder_is_refused(root: Path) -> None:
    os.mkfifo(root / "tasks/pipe")
    with pytest.raises(ImageContentError, match=f"^{root / 'tasks/pipe'} is not a file; remove it"):
        image_content.files(root)


def test_its_errors_are_told_in_one_line() -> None:
    assert issubclass(ImageContentError, RegistrationError)


def test_this_projects_own_image_can_be_made() -> None:
    found = image_content.files(ROOT)
    assert {"Dockerfile", "requirements/flows.txt", "tasks/pokemon.py", "utils/config.py"} <= set(found)
    assert not [path for path in found if path.startswith("flows/")]
