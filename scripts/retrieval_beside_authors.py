"""Finding past frames again beside the authors' own function: `python scripts/retrieval_beside_authors.py --authors …`.

The folder holds the authors' public code (github.com/SkyworkAI/Matrix-Game, its folder Matrix-Game-3), which is fetched
by whoever runs this; none of it is in this repository. Their file is imported as a module; packages that it asks for
and that are not installed, which their function does not use, are left empty. The rest is `python -m worldmodel.bench
retrieval`, where their formula stands in for their function.
"""

from __future__ import annotations

import argparse
import sys
import types
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import torch
from comfy_host import HostError
from environment import run_inside
from repository import REPOSITORY

from worldmodel.bench.retrieval import Find, released_lines

assert REPOSITORY  # whose import is what lets the library be imported
FILE, FUNCTION = "utils/cam_utils.py", "select_memory_idx_fov"
ASKED = {
    "scipy": (),
    "scipy.interpolate": ("interp1d",),
    "scipy.spatial": (),
    "scipy.spatial.transform": ("Rotation", "Slerp"),
    "pandas": (),
    "torchvision": (),
    "torchvision.transforms": ("Lambda",),
    "trimesh": (),
}
"""Packages that the file imports, and names that it takes from them."""


def authors_function(folder: Path) -> Find:
    """Return the release's own function.

    Args:
        folder: of their code.

    Raises:
        HostError: the folder holds no such code, or it cannot be imported.
    """
    path = next((file for root in (folder, folder / "Matrix-Game-3") if (file := root / FILE).is_file()), None)
    if path is None:
        raise HostError(
            f"--authors: found no {FILE} in {folder}, expected the authors' folder Matrix-Game-3; fetch "
            "https://github.com/SkyworkAI/Matrix-Game and name its folder."
        )
    spec = spec_from_file_location("authors_cam_utils", path)
    assert spec is not None and spec.loader is not None, "a file that ends in .py has a loader"
    module = module_from_spec(spec)
    packages = _empty_packages()
    sys.modules.update(packages)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise HostError(f"--authors: their code needs {error.name or error}, which is not installed here.") from error
    finally:
        for name in packages:
            del sys.modules[name]
    function = getattr(module, FUNCTION, None)
    if function is None:
        raise HostError(f"--authors: found no {FUNCTION} in {path}, expected it there; take the release's own code.")
    return lambda extrinsics, start, queries: function(extrinsics, start, queries, use_gpu=True)


def _empty_packages() -> dict[str, types.ModuleType]:
    """Return what stands for packages that are not installed."""
    lacking = {name for name in ASKED if find_spec(name.partition(".")[0]) is None}
    packages = {name: types.ModuleType(name) for name in lacking}
    for name, module in packages.items():
        vars(module).update({"__path__": [], **dict.fromkeys(ASKED[name])})
    return packages


def compare(options: argparse.Namespace) -> int:
    """Print the table.

    Raises:
        HostError: the authors' code is missing, or the picks differ.
    """
    torch.set_num_threads(1)
    find = authors_function(options.authors.expanduser())
    try:
        print("\n".join(released_lines(find, "the authors' own function", options.repeats)), flush=True)
    except ValueError as error:
        raise HostError(str(error)) from error
    return 0


def main(words: list[str]) -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--authors", type=Path, required=True, help="the folder with the authors' code")
    parser.add_argument("--repeats", type=int, default=5, help="counted repetitions (default %(default)s)")
    options = parser.parse_args(words)
    if options.repeats < 1:
        parser.error(f"--repeats: found {options.repeats}, expected 1 or more.")
    return run_inside(__file__, lambda comfyui: compare(options), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
