"""The host's modules in this process, and the pack loaded by path under an alias as the host loads it."""

from __future__ import annotations

import asyncio
import atexit
import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
import torch

sys.path.insert(0, os.environ["COMFYUI_PATH"])
from comfy.cli_args import args

# Read by the host's other modules while they are imported, so set before any of them.
args.cpu = True
args.use_pytorch_cross_attention = True
_BASE = tempfile.TemporaryDirectory(prefix="worldmodel-tests-", ignore_cleanup_errors=True)
atexit.register(_BASE.cleanup)  # before the folder would do so by itself, with a warning
args.base_directory = _BASE.name

REPOSITORY = Path(__file__).resolve().parents[2]
ALIAS = "pack_under_test"


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="session")
def pack() -> ModuleType:
    """The pack's root module, registered with the host in this process."""
    spec = importlib.util.spec_from_file_location(ALIAS, REPOSITORY / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[ALIAS] = module
    spec.loader.exec_module(module)

    async def load() -> None:
        extension = await module.comfy_entrypoint()
        await extension.on_load()
        await extension.get_node_list()

    with ThreadPoolExecutor(1) as pool:  # this thread may have an event loop already: Playwright's
        pool.submit(asyncio.run, load()).result()
    return module


@pytest.fixture(scope="session")
def of_pack(pack: ModuleType) -> Callable[[str], ModuleType]:
    """Import a module of the pack as the host sees it: `of_pack("nodes.host")`, `of_pack("worldmodel.world.state")`."""
    return lambda name: importlib.import_module(f"{ALIAS}.{name}")
