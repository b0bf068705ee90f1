"""The package for the registry: `comfy node pack` takes what `git ls-files` prints, less what `.comfyignore` names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LEFT_OUT = ("docs", "findings", "scripts", "tests", ".ci")
FORBIDDEN = '<>:"\\|?*'
"""In the names of files on Windows; git quotes two of them, as it does all beyond ASCII."""


def printed() -> list[str]:
    """Return the lines that git prints by default: a name that it quotes is then none of a file."""
    git = ["git", "-c", "core.quotePath=true", "-C", str(REPOSITORY), "ls-files"]
    done = subprocess.run(git, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"the package is made of a git checkout: {done.stderr}"
    return done.stdout.splitlines()


def tracked() -> list[str]:
    """Return the names themselves."""
    git = ["git", "-C", str(REPOSITORY), "ls-files", "-z"]
    done = subprocess.run(git, capture_output=True, check=True, encoding="utf-8")
    return done.stdout.strip("\0").split("\0")


def packed() -> list[str]:
    """Return what the registry's tool would pack."""
    lines = (REPOSITORY / ".comfyignore").read_text(encoding="utf-8").splitlines()
    assert all(line.strip("/") in {*LEFT_OUT, ".comfyignore", ".gitignore"} for line in lines), "no other pattern known"
    ignored = [line for line in lines if line]
    return [
        name
        for name in printed()
        if not any(f"/{name}".startswith(line) if line.endswith("/") else name == line for line in ignored)
        and (REPOSITORY / name).is_file()
    ]


def test_every_file_name_is_ascii_and_fits_every_system() -> None:
    names = tracked()
    assert [name for name in names if not name.isascii()] == []
    assert [name for name in names if set(name) & set(FORBIDDEN) or not name.isprintable()] == []
    parts = {part for name in names for part in name.split("/")}
    assert [part for part in parts if part != part.strip() or part.endswith(".")] == []
    assert len({name.lower() for name in names}) == len(names), "two names differ in capitals alone"
    assert [name for name in names if len(name) > 120] == [], "Windows gives a path 260 letters"


def test_the_package_is_whole() -> None:
    """Every tracked file but those of development; nothing is lost on the way through git's printing."""
    there = {name for name in tracked() if (REPOSITORY / name).is_file()}
    wanted = {name for name in there if name.split("/")[0] not in LEFT_OUT}
    assert wanted - set(packed()) == {".comfyignore", ".gitignore"}
    assert set(packed()) <= wanted
    for needed in ("__init__.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        assert needed in packed()


@pytest.mark.parametrize("workflow", sorted((REPOSITORY / "workflows").glob("*.json")), ids=lambda path: path.stem)
def test_a_workflow_is_packed_with_its_thumbnail_and_its_api_form(workflow: Path) -> None:
    names = packed()
    for path in (workflow, workflow.with_suffix(".jpg"), workflow.parent / "api" / workflow.name):
        assert path.relative_to(REPOSITORY).as_posix() in names
