"""The repository that the scripts are part of; whoever imports this can import its `worldmodel` too."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.append(str(REPOSITORY))  # behind the host, whose module `nodes` shares our folder's name
