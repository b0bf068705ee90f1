"""What all tests share: where the host is, and the real host as a process with only this pack in it.

`scripts/test.py` sets COMFYUI_PATH; without it the clone that it made is used. A missing host is a failure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfy_host import ComfyHost
from PIL import Image

# Before torch is imported: a thread that waits for another sleeps. Else what two threads do together, as a start's
# encoding, takes many times as long where other workers keep the cores busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
REPOSITORY = Path(__file__).resolve().parent.parent
CLONE = REPOSITORY / ".host" / "ComfyUI"


def pytest_configure() -> None:
    """Find the host before any test module is imported."""
    path = Path(os.environ.setdefault("COMFYUI_PATH", str(CLONE)))
    if not (path / "comfyui_version.py").is_file():
        raise pytest.UsageError(f"no ComfyUI in {path}: run the tests with python scripts/test.py, or set COMFYUI_PATH")


@pytest.fixture(autouse=True)
def _floats_stay_whole() -> Iterator[None]:
    """A test that leaves denormal numbers flushed to zero fails itself, and no test that comes after it does."""
    yield
    if sys.float_info.min / 2 == 0:
        import torch

        torch.set_flush_denormal(False)
        pytest.fail("this test left torch.set_flush_denormal(True) on")


@pytest.fixture(scope="session")
def comfyui() -> Path:
    """The host's checkout."""
    return Path(os.environ["COMFYUI_PATH"])


@pytest.fixture(scope="session")
def comfy(comfyui: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyHost]:
    """The real host, running on the CPU with only this pack; one process for the whole test run."""
    with ComfyHost(comfyui, tmp_path_factory.mktemp("comfy")) as host:
        yield host


@pytest.fixture(scope="module")
def released_files(comfy: ComfyHost) -> Iterator[Path]:
    """Small random models under the released names, and a picture, in the running host: what the workflows load."""
    from released_checkpoints import place_files

    models, picture = comfy.base / "models", comfy.base / "input" / "example.png"
    place_files(models)
    Image.radial_gradient("L").convert("RGB").resize((700, 400)).save(picture)
    yield models
    for file in (picture, *models.rglob("*.safetensors")):
        file.unlink()  # and not their folders, which the host goes on watching
