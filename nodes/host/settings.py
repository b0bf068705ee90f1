"""What users have set in the host's settings dialog, read where no page says it."""

from __future__ import annotations

import logging
from pathlib import Path

import folder_paths
from comfy.cli_args import args

from ...worldmodel.reading.json_text import shown
from ...worldmodel.reading.safetensors_header import is_number, read_json

log = logging.getLogger(__name__)
LARGEST_SETTINGS = 64_000_000
"""Bytes; the host's file has some thousand."""


def number(name: str, usual: float, most: float, then: str) -> float:
    """Return a number from 0 to `most` that a user has set; of several users the most generous counts.

    Args:
        name: of the setting.
        usual: where nobody has set it, or set nonsense, which is logged.
        most: beyond any that makes sense.
        then: what holds where it is nonsense, for the log, such as "the journal has its usual size".
    """
    users = Path(folder_paths.get_user_directory())
    files = users.glob("[!_]*/comfy.settings.json") if args.multi_user else [users / "default" / "comfy.settings.json"]
    found = [value for file in files if (value := _of_user(file, name, most, then)) is not None]
    return float(max(found, default=usual))


def _of_user(settings: Path, name: str, most: float, then: str) -> float | None:
    """Return the figure in one user's settings; `None` if there is none, or, which is logged, none that makes sense."""
    try:
        value = _setting(settings, name)
        if value is not None and not (is_number(value) and 0 <= value <= most):
            raise ValueError(f"{name} is {shown(value)}, expected a number from 0 to {most}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # as the host does with a damaged file
        log.warning("World Model: %s cannot be read (%s); %s.", settings, error, then)
        return None
    return value


def _setting(settings: Path, name: str) -> object:
    if settings.stat().st_size > LARGEST_SETTINGS:
        raise ValueError(f"it has more than {LARGEST_SETTINGS} bytes")
    entries = read_json(settings.read_bytes())
    if not isinstance(entries, dict):
        raise ValueError(f"it holds {shown(entries)}, expected an object")
    return entries.get(name)
