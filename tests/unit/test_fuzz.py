"""Broken files: whatever one holds, its reader gives what is sound or refuses in a sentence, soon, in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fuzzing import targets

REPOSITORY = Path(__file__).resolve().parents[2]
MUTANTS = int(os.environ.get("WM_MUTANTS", "6000"))
"""At length: `WM_MUTANTS=20000`."""
NAMES = tuple(targets())
ALONE = 4
"""Processes, so that one reader's memory is not another's excuse."""
LEAST_REFUSED = 0.15
"""Part of the mutants of each reader that are refused at least; the others are whole, or odd where nobody looks."""


def run(part: int) -> dict[str, dict[str, Any]]:
    """Fuzz every `ALONE`th reader in a process of its own."""
    count = -(-MUTANTS // len(NAMES))
    command = [sys.executable, "-m", "tests.unit.fuzzing", str(part), str(ALONE), str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found = map(json.loads, done.stdout.splitlines())
    return {told["reader"]: told for told in found}


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    """What became of all mutants."""
    with ThreadPoolExecutor(2) as workers:
        parts = list(workers.map(run, range(ALONE)))
    return {name: told for part in parts for name, told in part.items()}


@pytest.mark.parametrize("name", NAMES)
def test_broken_files_are_refused_in_a_sentence_within_limits(name: str, results: dict[str, dict[str, Any]]) -> None:
    """Nothing but ValueError, no file slower than 2 seconds of a processor or larger than 500 MB."""
    told = results[name]
    assert told["wrong"] == [], f"{told['wrong_count']} of {told['count']}"
    assert told["refused"] > LEAST_REFUSED * told["count"]
    assert told["seconds"] <= 2 and told["megabytes"] <= 500
