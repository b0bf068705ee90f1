"""Our numbers against the authors', on sets of golden tensors.

A line tells case, kind of target, metric, largest error, tolerance and verdict; the last line counts files.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from .report import FAILED, INFORMATION, PASSED, SKIPPED, Line, file_verdict
from .towers import Towers

SETS = ("matrix_game2", "matrix_game3", "yume", "gamecraft2")


@cache
def judges(folder: str) -> tuple[ModuleType, ...]:
    """Return the modules beside this one that judge a set: those that are called like it, or like it and a part."""
    if folder not in SETS:
        return ()
    names = sorted(module.name for module in iter_modules([str(Path(__file__).parent)]))
    return tuple(
        import_module(f"{__package__}.{name}") for name in names if name == folder or name.startswith(f"{folder}_")
    )


def cases(paths: list[Path], pattern: str) -> Iterator[Path]:
    """Yield the case files under `paths` whose name or set/name matches `pattern`.

    Raises:
        ValueError: a path does not exist.
    """
    for path in paths:
        if not path.exists():
            raise ValueError(f"PATH: found nothing at {path}, expected a golden file, set or folder of sets.")
        found = [path] if path.is_file() else sorted([*path.rglob("*.safetensors"), *path.rglob("*.json")])
        for file in found:
            known = file.suffix == ".safetensors" or any(part.is_case(file) for part in judges(file.parent.name))
            if known and (fnmatch(file.stem, pattern) or fnmatch(f"{file.parent.name}/{file.stem}", pattern)):
                yield file


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file; an error in a case fails that case."""
    case = f"{path.parent.name}/{path.stem}"
    parts = judges(path.parent.name)
    part = next((part for part in parts if part.is_case(path)), None)
    if part is None:
        return [Line(case, "file", SKIPPED, reason=f"the {'case' if parts else 'family'} is not supported yet")]
    try:
        return part.judge(path, towers)
    except (ValueError, KeyError, IndexError, RuntimeError, OSError, AssertionError, TypeError) as error:
        return [Line(case, "file", FAILED, reason=f"{type(error).__name__}: {error}")]


def main(arguments: list[str] | None = None) -> int:
    """Judge every case and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m worldmodel.conformance", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="golden file, set or folder of sets")
    parser.add_argument("--host", type=Path, metavar="COMFYUI", help="a ComfyUI checkout, for text and CLIP towers")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="cases to judge, such as 'dit_*'")
    parser.add_argument("--information", action="store_true", help="tell about values on the way, too")
    options = parser.parse_args(arguments)
    verdicts: Counter[str] = Counter()
    try:
        towers = None if options.host is None else Towers(options.host)
        for path in cases(options.paths, options.only):
            lines = judge(path, towers)
            told = [line for line in lines if options.information or line.verdict != INFORMATION]
            print(*(line.text() for line in told), sep="\n", flush=True)
            verdicts[file_verdict(lines)] += 1
    except ValueError as error:
        parser.error(str(error))
    skipped = f", {verdicts[SKIPPED]} skipped" if verdicts[SKIPPED] else ""
    print(f"{verdicts[PASSED]} passed, {verdicts[FAILED]} failed{skipped}")
    return 0 if verdicts[PASSED] and not verdicts[FAILED] else 1


if __name__ == "__main__":
    sys.exit(main())
