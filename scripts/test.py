"""Everything that is tested, in one command: `python scripts/test.py [pytest's arguments]`.

Sets up what is missing, then runs the linters, the unit tests, the tests inside the real host and those in a browser.
Files of tests run side by side, one worker to a core and four at most: every worker that needs them starts a host and a
browser of its own. The slowest tests are listed. The exit status is 0 only when all of it passed.
"""

from __future__ import annotations

import os
import subprocess
import sys

from environment import SetupError, find_browser, prepare, say
from repository import REPOSITORY

MOST_WORKERS = 4
"""A worker with a host and a browser takes up to 2 GB."""


def main(arguments: list[str]) -> int:
    """Run the linters and pytest.

    Args:
        arguments: handed on to pytest.
    """
    try:
        environment = prepare(tests=True)
        browser = find_browser(environment.python)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    variables = {"OMP_NUM_THREADS": "1", **environment.variables(), "WM_BROWSER": browser}
    pytest = ["-m", "pytest", "-n", str(workers), "--dist", "loadfile", "--durations", "15"]
    commands = {
        "ruff check": ["-m", "ruff", "check", "."],
        "ruff format --check": ["-m", "ruff", "format", "--check", "."],
        "JavaScript's format and types": ["scripts/check_javascript.py"],
    }
    if arguments:
        commands["pytest"] = [*pytest, *arguments]
    else:  # the browser's part by itself: Playwright leaves an event loop running in its worker
        commands["unit and host tests"] = [*pytest, "tests/unit", "tests/host"]
        commands["browser tests"] = [*pytest, "tests/browser"]
    failed = []
    for title, command in commands.items():
        say(title)
        if subprocess.run([str(environment.python), *command], cwd=REPOSITORY, env=variables).returncode:
            failed.append(title)
    if failed:
        print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
