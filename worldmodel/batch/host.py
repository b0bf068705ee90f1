"""The real ComfyUI as a process, with this pack in it: found on this machine, started, watched and ended.

The host runs on a scratch folder of its own: models, inputs and outputs of the user's ComfyUI are neither read nor
written, unless it is told to. The pack is copied there as a user's installation would hold it (what `.comfyignore`
names stays behind). Nothing is fetched. It ends with the process that started it, however that ended.
"""

from __future__ import annotations

import compileall
import fnmatch
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .api import Client, HostError

PACK = "ComfyUI-WorldModel"
HOST_VERSION = (0, 33, 0)
"""Oldest ComfyUI that the pack runs in."""
ROOT = Path(__file__).resolve().parents[2]
"""The pack that this library is part of; of an installed library, the folder of packages."""
MOST_STARTS = 3
"""Of a host that is killed while it starts."""
_TETHERED = Path(__file__).with_name("tethered.py")


def host_version(folder: Path) -> tuple[int, ...] | None:
    """Read a ComfyUI checkout's version, or None where the folder holds no ComfyUI."""
    try:
        text = (folder / "comfyui_version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"__version__\s*=\s*[\"'](\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found and (folder / "main.py").is_file() else None


def dotted(version: tuple[int, ...]) -> str:
    """Write a version with dots."""
    return ".".join(map(str, version))


def find_host(pack: Path = ROOT) -> Path:
    """Find the host: the one that `COMFYUI_PATH` names, or the one that the pack is installed in.

    Raises:
        HostError: there is none, or it is too old.
    """
    named = os.environ.get("COMFYUI_PATH")
    folder = Path(named).expanduser().resolve() if named else pack.parent.parent
    version = host_version(folder)
    wanted = dotted(HOST_VERSION)
    if version is None:
        found = f"no ComfyUI in {folder}" if named else f"nothing, and no ComfyUI around {pack}"
        raise HostError(f"COMFYUI_PATH: found {found}, expected the folder with ComfyUI's main.py; set it to that.")
    if version < HOST_VERSION:
        raise HostError(f"COMFYUI_PATH: found ComfyUI {dotted(version)}, expected {wanted} or newer; update it.")
    return folder


def find_pack(comfyui: Path) -> Path:
    """Find the pack: around this library, or among the host's custom nodes where only the library is installed.

    Raises:
        HostError: it is in neither.
    """
    installed = sorted(path.parent.parent for path in (comfyui / "custom_nodes").glob("*/worldmodel/batch"))
    for folder in (ROOT, *installed):
        if (folder / "nodes").is_dir() and (folder / "web").is_dir():
            return folder
    raise HostError(
        f"custom_nodes: found no World Model pack in {comfyui}, expected it beside this library; install the pack."
    )


def pack_version(pack: Path) -> str:
    """Read the pack's version, or "" where it does not say."""
    try:
        text = (pack / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r'^version = "([^"]+)"', text, re.MULTILINE)
    return found[1] if found else ""


def copy_pack(custom_nodes: Path, source: Path = ROOT) -> Path:
    """Copy the pack into a `custom_nodes` folder as the registry would ship it."""
    lists = [source / name for name in (".comfyignore", ".gitignore") if (source / name).is_file()]
    lines = [line.strip() for file in lists for line in file.read_text(encoding="utf-8").splitlines()]
    patterns = [line.strip("/") for line in lines if line and not line.startswith("#")]

    def left_behind(folder: str, names: list[str]) -> set[str]:
        if Path(folder) != source:
            return {"__pycache__"} & set(names)
        return {n for n in names if n.startswith(".") or any(fnmatch.fnmatch(n, pattern) for pattern in patterns)}

    target = custom_nodes / PACK
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target, ignore=left_behind)
    compileall.compile_dir(target, quiet=2)  # as any start but the very first finds it
    return target


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ComfyHost:
    """A running host. Use it as a context manager: the process tree ends with the block."""

    def __init__(
        self, host: Path, base: Path, *, cpu: bool = True, extra: tuple[str, ...] = (), source: Path = ROOT,
        variables: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Describe the host; `__enter__` starts it.

        Args:
            host: the ComfyUI checkout.
            base: scratch folder for models, input, output, user and the copy of the pack.
            cpu: keep everything on the CPU, with the attention that is fast there.
            extra: more command-line arguments for the host.
            source: the pack.
            variables: of the process's environment, besides those of this one.
        """
        self.host, self.base, self.cpu, self.extra, self.source = host, base, cpu, extra, source
        self.variables = variables or {}
        self.log = base / "host.log"
        self.output = base / "output"
        self.pack = base / "custom_nodes" / PACK
        self.process: subprocess.Popen | None = None
        self._is_wanted = False
        self.client = Client("")

    def __enter__(self) -> ComfyHost:
        self.lay_out()
        self.start()
        return self

    def lay_out(self) -> None:
        """Make the scratch folder, with a copy of the pack in it."""
        for name in ("custom_nodes", "models", "input", "output", "user", "temp"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        copy_pack(self.base / "custom_nodes", self.source)

    def start(self) -> None:
        """Start the host on what lies in the scratch folder, also again after `kill` or `stop`.

        One that somebody kills while it starts, as a system that is short of memory does, is started again.

        Raises:
            HostError: it did not come up.
        """
        self._is_wanted = True
        for left in reversed(range(MOST_STARTS)):
            self._launch()
            try:
                self.wait()
                return
            except BaseException as error:
                was_killed = isinstance(error, HostError) and (self.process.poll() or 0) < 0
                self._end()
                if not (was_killed and left and self._is_wanted):
                    raise

    def _launch(self) -> None:
        port = free_port()
        self.client = Client(f"127.0.0.1:{port}")
        command = [sys.executable, str(_TETHERED), "main.py"]
        command += ["--listen", "127.0.0.1", "--port", str(port), "--disable-auto-launch"]
        command += ["--base-directory", str(self.base), "--database-url", "sqlite:///:memory:", "--disable-api-nodes"]
        command += ["--disable-all-custom-nodes", "--whitelist-custom-nodes", PACK]
        command += ["--cpu", "--use-pytorch-cross-attention"] if self.cpu else []
        group: dict[str, Any] = {"start_new_session": True}
        if os.name == "nt":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *self.extra],
                cwd=self.host,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **self.variables},
                **group,
            )

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None

    def log_text(self) -> str:
        """Return what the host has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, timeout: float = 240) -> None:
        """Wait until the host answers.

        Raises:
            HostError: it ended or did not answer in time; the message holds the end of its log.
        """
        deadline = time.monotonic() + timeout
        while self.process and self.process.poll() is None and time.monotonic() < deadline:
            try:
                self.client.call("/system_stats", timeout=5)
                return
            except OSError:
                time.sleep(0.2)
        tail = "\n".join(self.log_text().splitlines()[-30:])
        raise HostError(f"ComfyUI did not start; the end of its log ({self.log}):\n{tail}")

    def kill(self) -> None:
        """End the host as a power cut would, without a chance to clean up."""
        if os.name == "nt":
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()

    def stop(self) -> None:
        """End the host and everything it started; a start that is under way in another thread fails."""
        self._is_wanted = False
        self._end()

    def _end(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is not None:
            self.process.stdin.close()
            return
        if os.name == "nt":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self.process.pid)], capture_output=True)
        else:
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            if os.name != "nt":
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process.stdin.close()
