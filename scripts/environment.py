"""The set-up that both commands share: one virtual environment, the host at its tagged version, and a browser.

Runs on any Python from 3.10 with nothing but the standard library. What is already there is left as it is, so a second
run takes a second. pip's own settings (mirrors, proxies, wheel folders) apply unchanged.

Environment variables that are read:
    WM_VENV        folder of the virtual environment, instead of `.venv` in the repository
    COMFYUI_PATH   a ComfyUI checkout to use as the host, instead of the one around this folder or a clone
    WM_BROWSER     the browser that the tests drive, instead of the first one found
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from comfy_host import HOST_VERSION, HostError, dotted, host_version
from repository import REPOSITORY

HOST_TAG = "v" + ".".join(map(str, HOST_VERSION))
HOST_URL = "https://github.com/Comfy-Org/ComfyUI.git"
HOST_CLONE = REPOSITORY / ".host" / "ComfyUI"

# The three are built against each other, and the host imports all of them: a mixed set stops it at start.
TORCH = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")
TEST_TOOLS = (
    "pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "ruff", "playwright", "pycolmap==4.2.1", "evo==1.38.1",
    "deno==2.9.8", "oxfmt==0.74.0", "ray==2.60.0", "gymnasium==1.4.0",
    "jsonschema", "setuptools",
)  # fmt: skip

PREPARED = "WM_PREPARED"
"""Set in the environment of a script that was started again inside it."""

BROWSERS = (
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "chrome",
    "microsoft-edge",
    "msedge",
)
BROWSER_FOLDERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
    r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
    r"%ProgramFiles%\Microsoft\Edge\Application\msedge.exe",
)


class SetupError(Exception):
    """Something that the person at the keyboard has to put right; the message says what and how."""


class Environment(NamedTuple):
    """Where everything is that a command needs."""

    python: Path
    host: Path

    def variables(self) -> dict[str, str]:
        """Return the process environment for a command that runs inside this one."""
        return {**os.environ, "COMFYUI_PATH": str(self.host), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def say(text: str) -> None:
    """Print one line of progress at once."""
    print(f"== {text}", flush=True)


def prepare(tests: bool = False) -> Environment:
    """Make or complete the environment.

    Args:
        tests: also install what only the tests need.

    Raises:
        SetupError: Python is too old, git or a download is missing, or the host is too old.
    """
    if sys.version_info < (3, 10):  # noqa: UP036 - this runs on whatever Python the user typed
        raise SetupError(
            f"Python {sys.version.split()[0]} is too old: install Python 3.10 or newer and run this again."
        )
    host = find_host()
    python = make_venv()
    install_packages(python, host, tests)
    return Environment(python, host)


def run_inside(script: str, action: Callable[[Path], int], arguments: Sequence[str] = (), tests: bool = False) -> int:
    """Run a script of this repository inside the environment, whatever Python it was started with.

    The environment is made first; then the script starts again with the environment's Python, and there the action
    runs. What a person has to put right is said in a sentence.

    Args:
        script: file of the script.
        action: what it does, given the host's folder.
        arguments: of the command line, for the second start.
        tests: also install what the tests need, and find a browser.

    Returns:
        the exit status.
    """
    try:
        if os.environ.get(PREPARED):
            return action(Path(os.environ["COMFYUI_PATH"]))
        environment = prepare(tests)
        variables = {**environment.variables(), PREPARED: "1"}
        if tests:
            variables["WM_BROWSER"] = find_browser(environment.python)
        return subprocess.run([str(environment.python), script, *arguments], env=variables).returncode
    except (SetupError, HostError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


# --- the host -------------------------------------------------------------------------------------------------------


def find_host() -> Path:
    """Find the host: `COMFYUI_PATH`, the ComfyUI this pack is installed in, or a clone of the tagged version.

    Raises:
        SetupError: `COMFYUI_PATH` names something else or a version that is too old, or the clone failed.
    """
    named = os.environ.get("COMFYUI_PATH")
    if named:
        return named_host(Path(named).expanduser().resolve())
    around = REPOSITORY.parent.parent
    version = host_version(around) if REPOSITORY.parent.name == "custom_nodes" else None
    if version and version >= HOST_VERSION:
        return around
    if version:
        say(f"The ComfyUI around this folder is {dotted(version)}, older than {dotted(HOST_VERSION)}: using a clone")
    return clone_host()


def named_host(folder: Path) -> Path:
    """Check the host that the user named."""
    version = host_version(folder)
    wanted = dotted(HOST_VERSION)
    if version is None:
        raise SetupError(
            f"COMFYUI_PATH is {folder}, which holds no ComfyUI: set it to the folder with ComfyUI's main.py, "
            f"or unset it and version {wanted} is cloned."
        )
    if version < HOST_VERSION:
        raise SetupError(
            f"COMFYUI_PATH is ComfyUI {dotted(version)}, but this pack needs {wanted} or newer: update that ComfyUI, "
            f"or unset COMFYUI_PATH and version {wanted} is cloned."
        )
    if version != HOST_VERSION:
        say(f"COMFYUI_PATH is ComfyUI {dotted(version)}; this pack is tested with {wanted}. Going on.")
    return folder


def clone_host() -> Path:
    """Clone the tagged host into the repository's ignored folder, once."""
    if host_version(HOST_CLONE) == HOST_VERSION:
        return HOST_CLONE
    if shutil.which("git") is None:
        raise SetupError("git is missing: install git, or set COMFYUI_PATH to a ComfyUI checkout.")
    say(f"Cloning ComfyUI {HOST_TAG} into {HOST_CLONE}")
    partial = HOST_CLONE.with_name(HOST_CLONE.name + ".partial")
    remove_folder(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    command = ["git", "-c", "advice.detachedHead=false", "clone", "--depth", "1", "--branch", HOST_TAG]
    if subprocess.run([*command, HOST_URL, str(partial)]).returncode:
        raise SetupError(
            f"ComfyUI could not be cloned from {HOST_URL}: set COMFYUI_PATH to a ComfyUI {HOST_TAG} checkout."
        )
    remove_folder(HOST_CLONE)
    partial.rename(HOST_CLONE)
    return HOST_CLONE


def remove_folder(folder: Path) -> None:
    """Delete a folder, git's read-only files on Windows included."""
    for path in folder.rglob("*") if os.name == "nt" and folder.exists() else ():
        if not path.is_symlink():
            path.chmod(stat.S_IWRITE)
    if folder.exists():
        shutil.rmtree(folder)


# --- the Python packages --------------------------------------------------------------------------------------------


def venv_folder() -> Path:
    """Return the folder of the virtual environment."""
    return Path(os.environ.get("WM_VENV") or REPOSITORY / ".venv").expanduser().absolute()


def venv_python(folder: Path) -> Path:
    """Return the interpreter inside a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_venv() -> Path:
    """Create the virtual environment unless a working one is there, and return its interpreter."""
    folder = venv_folder()
    python = venv_python(folder)
    if python.exists() and subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return python
    say(f"Creating a virtual environment in {folder}")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)]).returncode:
        raise SetupError(
            "Python could not create a virtual environment: install its venv module (Debian and Ubuntu: "
            "apt install python3-venv) and run this again."
        )
    return python


def install_packages(python: Path, host: Path, tests: bool) -> None:
    """Install the host's requirements and ours, unless exactly these were installed before."""
    ours, theirs = REPOSITORY / "requirements.txt", host / "requirements.txt"
    tools = TEST_TOOLS if tests else ()
    texts = [*TORCH, theirs.read_text(encoding="utf-8"), ours.read_text(encoding="utf-8")]
    stamps = {venv_folder() / "worldmodel-run.stamp": digest(texts)}
    if tests:
        stamps[venv_folder() / "worldmodel-tests.stamp"] = digest([*texts, *tools])
    if all(stamp.is_file() and stamp.read_text(encoding="utf-8") == value for stamp, value in stamps.items()):
        return
    say("Installing the Python packages: PyTorch and what ComfyUI needs (several GB the first time)")
    command = [str(python), "-m", "pip", "install", *TORCH, *tools, "-r", str(theirs), "-r", str(ours)]
    if subprocess.run(command).returncode:
        raise SetupError("pip could not install the packages: its last lines above say why. Run this again afterwards.")
    for stamp, value in stamps.items():
        stamp.write_text(value, encoding="utf-8")


def digest(texts: list[str]) -> str:
    """Return a fingerprint of the requirements."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


# --- the browser ----------------------------------------------------------------------------------------------------


def find_browser(python: Path) -> str:
    """Find a browser for the tests.

    Returns:
        The path of the system's Chrome, Chromium or Edge, or "" for the one that Playwright has installed.

    Raises:
        SetupError: there is none and Playwright's could not be installed.
    """
    named = os.environ.get("WM_BROWSER")
    if named:
        if not shutil.which(named):
            raise SetupError(
                f"WM_BROWSER is {named}, which is no program: set it to a Chrome, Chromium or Edge, or unset it."
            )
        return named
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    for path in map(os.path.expandvars, BROWSER_FOLDERS):
        if os.path.isfile(path):
            return path
    say("No Chrome, Chromium or Edge found: asking Playwright for its own")
    if subprocess.run([str(python), "-m", "playwright", "install", "chromium"]).returncode:
        raise SetupError(
            "The browser tests need a browser: install Chrome, Chromium or Edge, or set WM_BROWSER to one, "
            "and run this again."
        )
    return ""
