"""A small project with this one's registration, in a repository of its own."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROJECT = """
name: prefect-aks
config:
  platform: {type: string, description: Where, default: azure}
  flowLabels: {type: string, default: ""}
  agentLabels: {type: string, default: ""}
  flowsDirectory: {type: string, default: flows}
  flowRemoval: {type: string, default: archive}
  flowImage: {type: string, default: ""}
  zones: {type: string, default: "1,2,3"}
"""
FLOW = '''"""A flow."""
from datetime import timedelta

from prefect import Flow
from prefect.schedules import IntervalSchedule

from tasks.one import work

with Flow("{name}", schedule=IntervalSchedule(interval=timedelta(hours={hours}))) as flow:
    work({value})
'''
PIN = f"registry.example.com/flows@sha256:{'0' * 64}"
CHART = "charts/prefect-server"
FILES = {
    ".gitignore": "__pycache__/\n",
    "Pulumi.yaml": PROJECT,
    "Pulumi.dev.yaml": "config:\n  prefect-aks:flowLabels: etl\n",
    "Pulumi.stage.yaml": f"config:\n  prefect-aks:flowImage: {PIN}\n",
    "Pulumi.local.yaml": "config:\n  prefect-aks:platform: local\n",
    "__main__.py": "print()\n",
    "infra/program.py": '"""One."""\nSIZE = 1\n',
    f"{CHART}/Chart.yaml": "name: prefect-server\n",
    f"{CHART}/README.md": "Read me.\n",
    f"{CHART}/templates/ui.yaml": "a: 1\n",
    "docs/page.md": "A page.\n",
    "Dockerfile": "FROM scratch\n",
    "requirements/flows.txt": "prefect==1.4.1\n",
    "requirements/infra.txt": "pulumi==3\n",
    "tasks/__init__.py": "",
    "tasks/one.py": "from prefect import task\n\n\n@task\ndef work(value):\n    return value\n",
    "utils/__init__.py": "",
    **{f"flows/{name}.py": FLOW.format(name=name, hours=1, value=1) for name in ("gone", "later", "quiet", "wrong")},
}


def git(root: Path, *arguments: str) -> str:
    """Run git as nobody in particular, and give what it says."""
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def commit(root: Path) -> None:
    """Commit all the files of a folder as its first revision."""
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "base")


def make(root: Path) -> None:
    """Write the project and commit it."""
    shutil.copytree(ROOT / "registration", root / "registration", ignore=shutil.ignore_patterns("__pycache__"))
    write(root, dict(FILES))
    commit(root)


def write(root: Path, files: dict[str, str | None]) -> None:
    """Write files, and remove those whose text is None."""
    for path, text in files.items():
        if text is None:
            (root / path).unlink()
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
