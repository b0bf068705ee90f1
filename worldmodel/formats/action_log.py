"""Logs of Minecraft's keys and mouse, a JSON object a line: VPT's, and those that Matrix-Game's benchmark asks for.

A line is a frame of the log's film. Of the keys, forward, back, left, right and jump are read; those that no model has
are named, with the frames they are held in.

Matrix-Game, MineRL   forward, back, …: 0 or 1; camera: [pitch, yaw] in degrees, down and right positive
VPT                   keyboard.keys: ["key.keyboard.w", …]; mouse.dx, mouse.dy in steps of 0.15 degrees, right and down
                      positive; 20 lines a second. While isGuiOpen the mouse moves a pointer, and no key walks.

Sources: github.com/SkyworkAI/Matrix-Game (commit f1bf6e6), GameWorldScore/GameWorld/third_party/IDM/Bench76 and
IDM_bench.py; github.com/openai/Video-Pre-Training, README.md ("Contractor Demonstrations") and
run_inverse_dynamics_model.py, whose CAMERA_SCALER is 360 / 2400 degrees (Baker et al., arXiv:2206.11795).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from ..reading.asked import AS_IT_IS, Asked
from ..reading.json_text import is_number, is_whole, load, shown
from ..reading.limits import MAX_FRAMES
from ..reading.words import counted
from ..track.track import Track
from .lines import rows
from .walk_rows import Walk, frame_note, keys_note, names_of

WORDS = ("forward", "back", "left", "right", "jump")
VPT_KEYS = {
    "key.keyboard.w": "forward", "key.keyboard.s": "back", "key.keyboard.a": "left", "key.keyboard.d": "right",
    "key.keyboard.space": "jump",
}  # fmt: skip
DEGREES_A_STEP = 360 / 2400
"""Of the mouse in VPT's logs, as its authors' code reads them."""
OTHER_KEYS = (
    "ESC", "drop", "inventory", "sneak", "sprint", "swapHands", "attack", "use", "pickItem",
    *(f"hotbar.{slot}" for slot in range(1, 10)),
)  # fmt: skip
"""Keys of MineRL that no model knows; each line has all of them."""
_BUTTONS = {0: "attack", 1: "use", 2: "pickItem"}
_MENU = "a menu"
_LOOKED_AT = ("mouse", "keyboard", "isGuiOpen", "tick", "yaw")
"""Members of VPT's lines that are read; yaw only to see whether the mouse turns as far."""
_OWN_SHARE, _OWN_DEGREES = 0.1, 5.0
"""By how much a log's own yaw may turn otherwise than its mouse."""
MAX_LINE = 1_000_000
"""Letters; VPT's longest lines, with a player's whole inventory and statistics, have some thousands."""
_OFTEN = 256
"""Lines between two looks at whether the user has stopped."""


class Action(NamedTuple):
    """One line.

    Args:
        held: words of ours.
        others: keys that no model knows.
        turn: degrees right and up.
        blank: what is missing or does not count, in words; empty if the line is whole.
        unread: names of members that are not read.
        tick: number of the line, as it says; NaN if it does not.
        yaw: degrees, right positive, as the line says; NaN if it does not.
    """

    held: tuple[str, ...]
    others: tuple[str, ...]
    turn: tuple[float, float]
    blank: str
    unread: tuple[str, ...]
    tick: float
    yaw: float = math.nan


def matches(line: object) -> bool:
    """Tell whether a line's JSON values are of one of these logs."""
    return _is_vpt(line) or (isinstance(line, dict) and "camera" in line and any(word in line for word in WORDS))


def lines(text: str, asked: Asked = AS_IT_IS) -> Iterable[tuple[int, Any]]:
    """Yield the number and the JSON values of each line that is not empty.

    Raises:
        ValueError: a line is no JSON.
    """
    for line, row in rows(text, asked.check):
        if not row.strip():
            continue
        if len(row) > MAX_LINE:
            raise ValueError(
                f"line {line}: found {len(row)} letters, expected at most {MAX_LINE} of one frame; cut the log"
            )
        try:
            yield line, load(row.strip())
        except ValueError as error:
            raise ValueError(f"line {line}: {str(error).replace(' at line 1, column', ' at column', 1)}") from None


def read(text: str, asked: Asked = AS_IT_IS) -> Walk:
    """Parse a log; its first line must match.

    Raises:
        ValueError: in one sentence, which line and member is wrong, and what was found.
    """
    actions: list[Action] = []
    numbers: list[int] = []
    of: Callable[[Mapping[str, Any], int], Action] | None = None
    for line, entry in lines(text, asked):
        if not isinstance(entry, dict):
            raise ValueError(f"line {line}: found {shown(entry)}, expected an object of keys and mouse")
        if len(actions) == MAX_FRAMES:
            raise ValueError(f"line {line}: more than {MAX_FRAMES} frames; cut the log")
        of = of or (_of_vpt if _is_vpt(entry) else _of_minerl)
        actions.append(of(entry, line))
        numbers.append(line)
        if not len(actions) % _OFTEN:
            asked.check()
    if not actions:
        raise ValueError("found no line, expected a JSON object of keys and mouse for each frame")
    track, notes = _track(actions, numbers)
    if of is _of_vpt:
        notes = [*_of_the_log(actions), *notes]
    others = Counter(name for action in actions for name in action.others)
    unread = dict.fromkeys(name for action in actions for name in action.unread)
    if others:
        notes.append(keys_note(others))
    return Walk(track, tuple(notes), names_of(unread))


def _is_vpt(line: object) -> bool:
    return isinstance(line, dict) and "mouse" in line and "keyboard" in line


def _of_minerl(entry: Mapping[str, Any], line: int) -> Action:
    """Read one of Matrix-Game's lines."""
    held, others, unread = [], [], []
    for name, value in entry.items():
        if name in WORDS or name in OTHER_KEYS:
            if value not in (0, 1):  # true and false are
                raise ValueError(f"line {line}: {name} must be 1 while the key is held, else 0, not {shown(value)}")
            if value:
                (held if name in WORDS else others).append(name)
        elif name not in ("camera", "tick"):
            unread.append(name)
    camera = entry.get("camera")
    if camera is None:
        return Action(tuple(held), tuple(others), (0.0, 0.0), "camera", tuple(unread), _number(entry.get("tick")))
    if not isinstance(camera, list) or len(camera) != 2 or not all(math.isfinite(_number(value)) for value in camera):
        raise ValueError(f"line {line}: camera must be [pitch, yaw] in degrees, not {shown(camera)}")
    turn = float(camera[1]), -float(camera[0])
    return Action(tuple(held), tuple(others), turn, "", tuple(unread), _number(entry.get("tick")))


def _of_vpt(entry: Mapping[str, Any], line: int) -> Action:
    """Read one of VPT's lines; the recorder wrote null where it could not read a device."""
    mouse, keyboard = (_object(entry, name, line) for name in ("mouse", "keyboard"))
    keys = _list(keyboard.get("keys"), f"line {line}: keyboard.keys")
    buttons = _list(mouse.get("buttons"), f"line {line}: mouse.buttons")
    steps = [mouse.get(name) for name in ("dx", "dy")]
    blank = " and ".join(name for name in ("mouse", "keyboard") if not entry.get(name))
    if mouse and not all(math.isfinite(_number(step)) for step in steps):
        if steps != [None, None]:
            raise ValueError(f"line {line}: mouse.dx and mouse.dy must be numbers, not {shown(steps)}")
        blank = "mouse.dx and mouse.dy"
    turn = (0.0, 0.0) if blank.startswith("mouse") else (steps[0] * DEGREES_A_STEP, -steps[1] * DEGREES_A_STEP)
    names = [key for key in keys if isinstance(key, str)]
    held = tuple(dict.fromkeys(VPT_KEYS[name] for name in names if name in VPT_KEYS))
    others = [name.removeprefix("key.keyboard.") for name in dict.fromkeys(names) if name not in VPT_KEYS]
    others += [_BUTTONS.get(button, f"mouse button {button}") for button in dict.fromkeys(filter(is_whole, buttons))]
    unread = [name for name in entry if name not in _LOOKED_AT]
    unread += ["mouse.dwheel"] if mouse.get("dwheel") else []
    if entry.get("isGuiOpen") is True:
        held, others, turn, blank = (), [], (0.0, 0.0), _MENU
    return Action(
        held, tuple(others), turn, blank, tuple(unread), _number(entry.get("tick")), _number(entry.get("yaw"))
    )


def _object(entry: Mapping[str, Any], name: str, line: int) -> Mapping[str, Any]:
    value = entry.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"line {line}: {name} must be an object, not {shown(value)}")
    return value or {}


def _list(value: Any, field: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{field} must be a list, not {shown(value)}")
    return value or []


def _number(value: Any) -> float:
    return float(value) if is_number(value) else math.nan


def _track(actions: list[Action], numbers: list[int]) -> tuple[Track, list[str]]:
    """Return the walk, and what has to be said about lines of it."""
    words = tuple(word for word in WORDS if any(word in action.held for action in actions))
    keys = torch.zeros(len(actions), len(words))
    for column, word in enumerate(words):
        keys[:, column] = torch.tensor([float(word in action.held) for action in actions])
    turns = np.array([action.turn for action in actions])
    far = np.abs(turns) > 180
    turns = np.where(far, (turns + 180) % 360 - 180, turns) + 0.0  # never negative zero
    notes = []
    if far.any():
        rows_of = np.flatnonzero(far.any(1))
        notes.append(
            f"{counted(len(rows_of), 'frame')} turned by more than half a turn (line {numbers[rows_of[0]]}): the "
            "shorter way round is taken."
        )
    blanks: dict[str, list[int]] = {}
    for action, number in zip(actions, numbers, strict=True):
        if action.blank:
            blanks.setdefault(action.blank, []).append(number)
    for what, where in blanks.items():
        count = counted(len(where), "frame")
        if what == _MENU:
            notes.append(
                f"A menu is open in {count} (line {where[0]} the first): the mouse moves a pointer there and no key "
                "walks, so nothing of it is played."
            )
        else:
            notes.append(f"{count} without {what} (line {where[0]} the first): nothing of it is played there.")
    ticks = np.array([action.tick for action in actions])
    if np.isfinite(ticks).all() and (told := frame_note(ticks, "tick", [f"line {number}" for number in numbers])):
        notes.append(told)
    return Track(words, keys, torch.from_numpy(turns.astype(np.float32))), notes


def _of_the_log(actions: list[Action]) -> list[str]:
    """Say how VPT's log was read, and whether its own yaw agrees."""
    notes = [
        f"VPT's log: 20 lines a second, each played as one frame of the model, whatever its rate; {DEGREES_A_STEP:g} "
        "degrees a step of the mouse. Retime Track changes the rate."
    ]
    yaw = np.array([action.yaw for action in actions])
    if len(yaw) > 1 and np.isfinite(yaw).all():
        own = float(np.abs((np.diff(yaw) + 180) % 360 - 180).sum())
        turns = np.abs([action.turn[0] for action in actions])
        # a line's yaw may be that before or that after its mouse
        mouse = min((float(turns[1:].sum()), float(turns[:-1].sum())), key=lambda turned: abs(turned - own))
        if abs(own - mouse) > max(_OWN_DEGREES, _OWN_SHARE * max(own, mouse)):
            notes.insert(
                0,
                f"The log's own yaw turns {own:.1f} degrees in all, and its mouse {mouse:.1f}: it was played with "
                "another sensitivity, or turned by the game; the mouse is read.",
            )
    return notes
