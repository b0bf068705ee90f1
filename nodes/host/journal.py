"""Where the journal lies, and how large the user lets it be."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import folder_paths
from comfy.cli_args import args

from ...worldmodel import journal

log = logging.getLogger(__name__)
SETTING = "wm.journal.gigabytes"
"""Id of the setting, as web/settings.js registers it."""
GIGABYTES = 4.0
"""Where nobody has set it; the same figure stands in web/settings.js."""
MOST_GIGABYTES = 1_000_000
"""What a larger figure means."""


def journal_folder() -> Path:
    """Return the journal's folder, which the host keeps closed to its API; it need not exist."""
    return Path(folder_paths.get_system_user_directory("worldmodel")) / "journal"


def open_journal() -> journal.Journal | None:
    """Return the journal for one rollout; `None` if the user has turned it off."""
    budget = budget_bytes()
    return journal.Journal(journal_folder(), budget) if budget else None


def budget_bytes() -> int:
    """Return the size that the journal may have, as the user set it; of several users the most generous counts."""
    users = Path(folder_paths.get_user_directory())
    files = users.glob("[!_]*/comfy.settings.json") if args.multi_user else [users / "default" / "comfy.settings.json"]
    found = [value for file in files if (value := _gigabytes(file)) is not None]
    return int(min(max(found, default=GIGABYTES), MOST_GIGABYTES) * 1e9)


def _gigabytes(settings: Path) -> float | None:
    """Return the figure in one user's settings; `None` if there is none."""
    try:
        entries = json.loads(settings.read_text(encoding="utf-8"))
        if not isinstance(entries, dict):
            raise ValueError(f"found a {type(entries).__name__}, expected a JSON object")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:  # as the host does with a damaged file
        log.warning("World Model: %s cannot be read (%s); the journal has its usual size.", settings, error)
        return None
    value = entries.get(SETTING)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    return value if usable else None
