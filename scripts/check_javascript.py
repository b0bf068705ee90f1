"""Whether the page's JavaScript is typed and formatted: `python scripts/check_javascript.py [--write]`.

Types are those of the JSDoc comments, checked by TypeScript as strictly as it can, as in a browser (`web/`) and as in
Node.js (`tests/js/`). Both tools come from PyPI with the other tools of the tests, so that nothing else must be
installed or reached: TypeScript inside Deno, and Oxfmt, which formats as Prettier does. Deno's own formatter is not
used: it moves the comments that a cast is made of. `--write` formats instead of telling what is not formatted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from repository import REPOSITORY

SETTINGS = REPOSITORY / "tests" / "js"
FOLDERS = ("web", "tests/js")
ALONE = {"DENO_NO_UPDATE_CHECK": "1", "DENO_NO_PACKAGE_JSON": "1", "NO_COLOR": "1"}
"""Deno looks for nothing outside of the repository."""


def tool(name: str) -> str:
    """Find a program beside the interpreter, where pip puts it, or on the path."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        raise SystemExit(f"error: {name} is missing: run python scripts/test.py, which installs it.")
    return found


def check_types() -> bool:
    """Check each folder by itself: what only Node.js has is no name in the page."""
    offline = ["--no-remote", "--no-npm", "--no-lock"]
    with tempfile.TemporaryDirectory() as cache:
        variables = {**os.environ, **ALONE, "DENO_DIR": cache}
        commands = [
            [tool("deno"), "check", "--quiet", *offline, "--config", SETTINGS / "deno.json", folder]
            for folder in FOLDERS
        ]
        statuses = [subprocess.run(command, cwd=REPOSITORY, env=variables).returncode for command in commands]
    return not any(statuses)


def check_format(write: bool = False) -> bool:
    """List the files that are not formatted, or format them."""
    patterns = [f"{folder}/**/*.{ending}" for folder in FOLDERS for ending in ("js", "mjs", "ts")]
    mode = "--write" if write else "--check"
    command = [tool("oxfmt"), mode, "--config", SETTINGS / "oxfmt.json", "--no-error-on-unmatched-pattern", *patterns]
    return subprocess.run(command, cwd=REPOSITORY).returncode == 0


def main(words: list[str] | None = None) -> int:
    """Check, or format and check."""
    parser = argparse.ArgumentParser(description="Check the types and the format of the page's JavaScript.")
    parser.add_argument("--write", action="store_true", help="format the files")
    options = parser.parse_args(words)
    formatted = check_format(options.write)
    return 0 if check_types() and formatted else 1


if __name__ == "__main__":
    sys.exit(main())
