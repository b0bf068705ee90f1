"""Our films with every ffmpeg that pip offers: `python scripts/bundled_ffmpegs.py`.

Each release of imageio-ffmpeg brings one ffmpeg. Those that differ are fetched into `.round_trips/ffmpeg`, and the
tests of films run with each: labels of colour, rates, sizes, and what is said of broken films.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from environment import SetupError, run_inside, say
from repository import REPOSITORY

FOLDER = REPOSITORY / ".round_trips" / "ffmpeg"
RELEASES = {"0.2.0": "4.1", "0.4.9": "4.2.2", "0.6.0": "7.0.2", "0.8.1": "9.0.2"}
"""imageio-ffmpeg -> its ffmpeg."""


def program_of(release: str) -> Path:
    """Return the ffmpeg of a release, which is fetched if it is not there.

    Raises:
        SetupError: pip could not.
    """
    folder = FOLDER / release
    programs = folder / "imageio_ffmpeg" / "binaries"
    if not list(programs.glob("ffmpeg*")):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        if subprocess.run([*command, f"imageio-ffmpeg=={release}"]).returncode:
            raise SetupError(f"imageio-ffmpeg {release} could not be fetched: the lines above say why.")
    program = next(programs.glob("ffmpeg*"))
    program.chmod(0o755)
    return program


def main() -> int:
    """Run the tests of films with each."""
    failed = []
    for release, version in RELEASES.items():
        program = program_of(release)
        say(f"imageio-ffmpeg {release}, ffmpeg {version}")
        variables = {**os.environ, "IMAGEIO_FFMPEG_EXE": str(program)}
        command = [sys.executable, "-m", "pytest", "-q", "tests/unit/test_film.py"]
        if subprocess.run(command, cwd=REPOSITORY, env=variables).returncode:
            failed.append(version)
    print(f"failed: ffmpeg {', '.join(failed)}" if failed else "all right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_inside(__file__, lambda _: main(), sys.argv[1:], tests=True))
