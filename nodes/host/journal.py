"""Where the journal lies, and how large the user lets it be."""

from __future__ import annotations

from pathlib import Path

import folder_paths

from ...worldmodel.world import journal
from . import settings

SETTING = "wm.journal.gigabytes"
"""Id of the setting, as web/settings.js registers it."""
GIGABYTES = 4.0
"""Where nobody has set it; the same figure stands in web/settings.js."""
MOST_GIGABYTES = 1_000_000
"""Beyond any disk; web/settings.js allows a tenth of it."""


def journal_folder() -> Path:
    """Return the journal's folder, which the host keeps closed to its API; it need not exist."""
    return Path(folder_paths.get_system_user_directory("worldmodel")) / "journal"


def open_journal() -> journal.Journal | None:
    """Return the journal for one rollout; `None` if the user has turned it off."""
    budget = budget_bytes()
    return journal.Journal(journal_folder(), budget) if budget else None


def budget_bytes() -> int:
    """Return the size that the journal may have, as the user set it; of several users the most generous counts."""
    gigabytes = settings.number(SETTING, GIGABYTES, MOST_GIGABYTES, "the journal has its usual size")
    return int(gigabytes * 1e9)
