"""How the stand-in takes a build that it does not run."""

import io
import tarfile

import pytest

from emulators.container_registry.context import build, unpack

FILES = {"Dockerfile": b"", "requirements/flows.txt": b"", "tasks/a.py": b"", "tasks/deep/b.py": b""}


def outcome(dockerfile: str, **arguments: str) -> tuple[str | None, str]:
    found = build({**FILES, "Dockerfile": dockerfile.encode()}, "Dockerfile", arguments)
    return found.digest, found.log[-1]


@pytest.mark.parametrize(
    "step",
    [
        "COPY tasks /opt/",
        "COPY ./tasks/ /opt/",
        "COPY . /opt/",
        "copy requirements/*.txt tasks \\\n    /opt/",
        "COPY --chown=1:1 tasks/deep /opt/",
        "COPY --from=build /nowhere /opt/",
        "ADD requirements/flows.txt /opt/",
        "# COPY flows /opt/",
        'RUN echo "COPY flows"',
    ],
)
def test_what_is_copied_out_of_the_context_builds(step: str) -> None:
    digest, said = outcome(f"FROM base\n{step}\n")
    assert digest is not None
    assert said.startswith("Emulated: ")


@pytest.mark.parametrize("step", ["COPY flows /opt/", "COPY tasks flows /opt/", "ADD task /opt/", "COPY *.txt /opt/"])
def test_what_is_not_in_the_context_fails_the_build(step: str) -> None:
    digest, said = outcome(f"FROM base\n{step}\nRUN true\n")
    assert digest is None
    assert said.startswith("COPY failed: file not found in build context")


def test_a_context_without_a_dockerfile_fails() -> None:
    assert build({"tasks/a.py": b""}, "Dockerfile", {}).digest is None


def test_a_digest_tells_contents_and_arguments_apart() -> None:
    digests = [
        outcome("FROM base\n")[0],
        outcome("FROM base\nRUN true\n")[0],
        outcome("FROM base\n", BASE="a")[0],
        outcome("FROM base\n", BASE="b")[0],
    ]
    assert len({*digests}) == len(digests)
    assert outcome("FROM base\n", BASE="a")[0] == digests[2]


def test_a_context_is_a_compressed_tar_file() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("a/b")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    assert unpack(packed.getvalue()) == {"a/b": b"x"}
    with pytest.raises(ValueError, match="no compressed tar file"):
        unpack(b"x")
