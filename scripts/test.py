"""Everything that is tested, in one command: `python scripts/test.py [pytest's arguments]`.

Sets up what is missing, then runs the linter, the unit tests, the tests inside the real host and those in a browser.
The exit status is 0 only when all of it passed.
"""

from __future__ import annotations

import subprocess
import sys

from environment import SetupError, find_browser, prepare, say
from repository import REPOSITORY


def main(arguments: list[str]) -> int:
    """Run the linter and pytest.

    Args:
        arguments: handed on to pytest.
    """
    try:
        environment = prepare(tests=True)
        browser = find_browser(environment.python)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    variables = {**environment.variables(), "WM_BROWSER": browser}
    commands = {
        "ruff check": ["-m", "ruff", "check", "."],
        "ruff format --check": ["-m", "ruff", "format", "--check", "."],
        "pytest": ["-m", "pytest", *arguments],
    }
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
