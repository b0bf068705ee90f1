"""Where the journal lies, and how large the user lets it be."""

from __future__ import annotations

import logging
from pathlib import Path

import folder_paths
from comfy.cli_args import args

from ...worldmodel.reading.json_text import shown
from ...worldmodel.reading.safetensors_header import is_number, read_json
from ...worldmodel.world import journal

log = logging.getLogger(__name__)
SETTING = "wm.journal.gigabytes"
"""Id of the setting, as web/settings.js registers it."""
GIGABYTES = 4.0
"""Where nobody has set it; the same figure stands in web/settings.js."""
MOST_GIGABYTES = 1_000_000
"""Beyond any disk; web/settings.js allows a tenth of it."""
LARGEST_SETTINGS = 64_000_000
"""Bytes; the host's file has some thousand."""


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
    return int(max(found, default=GIGABYTES) * 1e9)


def _gigabytes(settings: Path) -> float | None:
    """Return the figure in one user's settings; `None` if there is none, or, which is logged, none that is a size."""
    try:
        value = _setting(settings)
        if value is not None and not (is_number(value) and 0 <= value <= MOST_GIGABYTES):
            raise ValueError(f"{SETTING} is {shown(value)}, expected a number from 0 to {MOST_GIGABYTES}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # as the host does with a damaged file
        log.warning("World Model: %s cannot be read (%s); the journal has its usual size.", settings, error)
        return None
    return value


def _setting(settings: Path) -> object:
    """Return what a user's settings say of the journal's size."""
    if settings.stat().st_size > LARGEST_SETTINGS:
        raise ValueError(f"it has more than {LARGEST_SETTINGS} bytes")
    entries = read_json(settings.read_bytes())
    if not isinstance(entries, dict):
        raise ValueError(f"it holds {shown(entries)}, expected an object")
    return entries.get(SETTING)
