"""`pip install '.[ray]'` in this folder: the library alone, with its weights, its licence and its version."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import environment
import pytest

from worldmodel.batch.host import pack_version

REPOSITORY = Path(__file__).resolve().parents[2]
PROBE = """
import json
from setuptools import setup
made = setup(script_args=["--quiet", "egg_info"])
print(json.dumps([made.packages, made.package_data]))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any], Message]:
    """Packages, their data and the metadata, made as pip makes them; the modules themselves are empty."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree)
    for folder in ("nodes", "web", "scripts", "tests", "worldmodel"):
        for path in (REPOSITORY / folder).rglob("__init__.py"):
            target = tree / path.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    packages, data = json.loads(done.stdout.splitlines()[-1])
    info = tree / "worldmodel.egg-info"
    about = Parser().parsestr((info / "PKG-INFO").read_text(encoding="utf-8"))
    about["requires"] = (info / "requires.txt").read_text(encoding="utf-8")
    return packages, data, about


def test_the_library_is_what_is_installed_with_its_weights(built: Any) -> None:
    packages, data, _ = built
    there = {path.parent.relative_to(REPOSITORY).as_posix().replace("/", ".")
             for path in (REPOSITORY / "worldmodel").rglob("__init__.py")}  # fmt: skip
    assert set(packages) == there and "worldmodel.batch" in there
    others = {path for path in (REPOSITORY / "worldmodel").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    others -= {path for path in others if path.suffix == ".py" and (path.parent / "__init__.py").is_file()}
    given = {path for pattern in data["worldmodel"] for path in (REPOSITORY / "worldmodel").glob(pattern)}
    assert others == given


def test_what_is_installed_says_what_the_pack_says(built: Any) -> None:
    _, _, about = built
    assert about["Name"] == "worldmodel" and about["Version"] == pack_version(REPOSITORY) == "0.1.0"
    assert "Apache" in str(about["License"]) + str(about["License-Expression"])
    required = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").split()
    needed, *extras = about["requires"].split("\n\n")
    assert needed.split() == required
    assert sorted(extra.split()[0] for extra in extras) == ["[gym]", "[ray]"]
    for extra in ("ray==2.", "gymnasium==1."):
        assert [tool for tool in environment.TEST_TOOLS if tool.startswith(extra)]
