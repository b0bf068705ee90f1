"""The host without its server, for commands: its modules and the pack in this process, on the CPU.

Stands alone: it is read by its path before the host's modules can be imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

ALIAS = "worldmodel_pack"
ROOT = Path(__file__).resolve().parents[2]


def open_pack(comfyui: Path) -> Callable[[str], ModuleType]:
    """Make the host importable and return the pack's modules by name, such as `nodes.host.clip`.

    Args:
        comfyui: a ComfyUI checkout. A host that this process has imported already is used instead.

    Raises:
        ValueError: there is no ComfyUI, or its Python packages are missing.
    """
    if not (comfyui / "comfyui_version.py").is_file():
        raise ValueError(f"host: found no ComfyUI in {comfyui}, expected the folder that holds main.py.")
    if "comfy" not in sys.modules:
        sys.path.insert(0, str(comfyui.resolve()))
        try:
            # read by the host's other modules while they are imported
            importlib.import_module("comfy.cli_args").args.cpu = True
        except ImportError as error:
            raise ValueError(
                f"host: found no package {error.name!r} in this Python, expected those of ComfyUI; run the command in "
                "ComfyUI's Python."
            ) from error
    if ALIAS not in sys.modules:
        spec = importlib.util.spec_from_file_location(ALIAS, ROOT / "__init__.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[ALIAS] = module
        spec.loader.exec_module(module)
    return lambda name: importlib.import_module(f"{ALIAS}.{name}")
