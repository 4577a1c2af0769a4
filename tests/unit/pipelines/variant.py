"""The project's pipeline with other values than are written in it, in a folder of its own.

Nobody can give it parameters: what it is made for stands in the file.
"""

import shutil
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]


def variant(folder: Path, **values: Any) -> Path:
    """Copy the pipeline and its templates, with these parameters of its stages, and give the copy's path."""
    shutil.copytree(ROOT / "pipelines", folder / "pipelines", dirs_exist_ok=True)
    document = yaml.safe_load((ROOT / "azure-pipelines.yml").read_text())
    document["stages"][0]["parameters"] |= values
    copy = folder / "azure-pipelines.yml"
    copy.write_text(yaml.safe_dump(document, sort_keys=False))
    return copy
