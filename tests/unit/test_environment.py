"""The set-up: a person is told in a sentence what is in the way, and what is done is not done again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import comfy_host
import environment
import pytest
from repository import REPOSITORY


def comfyui_of(folder: Path, version: str) -> Path:
    folder.mkdir()
    (folder / "main.py").touch()
    (folder / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
    (folder / "requirements.txt").write_text("pip\n")
    return folder


def test_the_named_host_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = comfyui_of(tmp_path / "ComfyUI", "0.33.0")
    monkeypatch.setenv("COMFYUI_PATH", str(folder))
    assert environment.find_host() == folder


def test_a_named_host_that_is_too_old_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_PATH", str(comfyui_of(tmp_path / "ComfyUI", "0.32.9")))
    with pytest.raises(
        environment.SetupError, match=r"is ComfyUI 0\.32\.9, but this pack needs 0\.33\.0 or newer: update"
    ):
        environment.find_host()


def test_a_named_host_that_is_none_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    with pytest.raises(environment.SetupError, match="holds no ComfyUI: set it to the folder"):
        environment.find_host()


def test_the_host_around_the_pack_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    folder = comfyui_of(tmp_path / "ComfyUI", "0.33.4")
    monkeypatch.setattr(environment, "REPOSITORY", folder / "custom_nodes" / "pack")
    assert environment.find_host() == folder


def test_packages_that_are_there_are_not_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = comfyui_of(tmp_path / "ComfyUI", "0.33.0")
    monkeypatch.setenv("WM_VENV", str(tmp_path))
    monkeypatch.setattr(environment, "TORCH", ())
    monkeypatch.setattr(environment, "REPOSITORY", host)
    environment.install_packages(Path(sys.executable), host, tests=False)  # asks for pip, which is there
    environment.install_packages(tmp_path / "no python", host, tests=False)  # so nothing is run now
    (host / "requirements.txt").write_text("pip>=1\n")
    with pytest.raises(OSError):
        environment.install_packages(tmp_path / "no python", host, tests=False)


def test_a_browser_that_is_none_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WM_BROWSER", "no-such-browser")
    with pytest.raises(environment.SetupError, match="WM_BROWSER is no-such-browser, which is no program"):
        environment.find_browser(Path(sys.executable))


def test_the_pack_is_shipped_without_what_only_developers_need(tmp_path: Path) -> None:
    pack = comfy_host.copy_pack(tmp_path)
    names = {path.name for path in pack.iterdir()}
    assert {"__init__.py", "nodes", "worldmodel", "web", "pyproject.toml", "LICENSE"} <= names
    assert not {"tests", "scripts", "output", ".git", ".venv", ".host"} & names


def test_scripts_import_the_library_from_anywhere_and_behind_all_else(tmp_path: Path) -> None:
    code = "import repository, worldmodel, sys; print(sys.path[-1])"
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")}
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=variables, check=True, capture_output=True)
    assert run.stdout.decode().strip() == str(REPOSITORY)


def test_no_script_puts_a_folder_before_the_hosts() -> None:
    """A test that imports such a script would give every test after it our `nodes` for the host's."""
    scripts = sorted((REPOSITORY / "scripts").rglob("*.py"))
    assert scripts and not [s.name for s in scripts if "sys.path.insert" in s.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", ["demo", "endurance", "help_pictures", "test", "thumbnails"])
def test_a_command_starts_on_a_python_that_has_no_packages(name: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY / 'scripts')!r}); import {name}"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_a_script_starts_again_inside_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os, sys\nsys.exit(int(sys.argv[1]) + (os.environ['WM_PREPARED'] != '1'))\n")
    monkeypatch.delenv(environment.PREPARED, raising=False)
    made = environment.Environment(Path(sys.executable), tmp_path)
    monkeypatch.setattr(environment, "prepare", lambda tests: made)
    assert environment.run_inside(str(script), lambda host: 1, ["7"]) == 7
    monkeypatch.setenv(environment.PREPARED, "1")
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    assert environment.run_inside(str(script), lambda host: 3 if host == tmp_path else 4) == 3


def test_what_a_person_has_to_put_right_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    def refuse(tests: bool) -> None:
        raise environment.SetupError("git is missing: install git.")

    monkeypatch.delenv(environment.PREPARED, raising=False)
    monkeypatch.setattr(environment, "prepare", refuse)
    assert environment.run_inside("script.py", lambda host: 0) == 1
    assert capfd.readouterr().err == "error: git is missing: install git.\n"
