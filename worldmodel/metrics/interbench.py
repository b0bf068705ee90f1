"""InterBench: how well a world does what it is asked on the way, by six scores of a judge (arXiv:2511.23429).

Trigger is 1 where what was asked happens at all, else 0, and then nothing else counts. Alignment (is it what was
asked), fluency (does it go smoothly), scope (does it change what it should and nothing else), end state (does it stay)
and physics are 0, 1, 3 or 5. Overall = (5 trigger + the other five) / 6, from 0 to 5.

`python -m worldmodel.metrics.interbench SCORES.json` prints the table of a file of scores; with `--clips FOLDER
--endpoint URL --model NAME` it first asks a judge of the user's, which is the only thing here that uses a network.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..reading.json_text import is_whole, shown
from ..reading.safetensors_header import read_json
from ..reading.words import counted, shortened
from .interbench_prompts import BY_NAME, KINDS

LARGEST_FILE = 10_000_000
"""Bytes of a file of scores."""


class Scores(NamedTuple):
    """Six scores: of a clip, whole numbers; of many, their means."""

    trigger: float
    alignment: float
    fluency: float
    scope: float
    end_state: float
    physics: float

    @property
    def overall(self) -> float:
        """0 to 5."""
        return (5 * self.trigger + sum(self[1:])) / 6


MARKS: dict[str, tuple[int, ...]] = {name: (0, 1) if name == "trigger" else (0, 1, 3, 5) for name in Scores._fields}
"""What a judge may give."""


class Clip(NamedTuple):
    """A judged film.

    Args:
        name: of the film.
        event: what was asked, one of `interbench_prompts.BY_NAME`.
        scores: of the judge.
    """

    name: str
    event: str
    scores: Scores


def scores_of(found: Any, where: str) -> Scores:
    """Return the scores of a clip, which a judge gave as JSON; where nothing happened, all are 0.

    Args:
        found: a JSON object with all six, and nothing else.
        where: how messages call it.

    Raises:
        ValueError: a score is missing, too many, or none that a judge may give.
    """
    if not isinstance(found, Mapping) or {*found} != {*MARKS}:
        said = shortened(", ".join(map(str, found)), 80) if isinstance(found, Mapping) else shown(found)
        raise ValueError(f"{where}: found {said or 'no scores'}, expected {', '.join(MARKS)}; judge it again.")
    for name, marks in MARKS.items():
        if not is_whole(found[name]) or found[name] not in marks:
            raise ValueError(
                f"{where}: found {shown(found[name])} as {name}, expected {' or '.join(map(str, marks))}; judge it "
                "again."
            )
    return Scores(*(found[name] for name in MARKS)) if found["trigger"] else Scores(0, 0, 0, 0, 0, 0)


def read_scores(path: Path) -> list[Clip]:
    """Read a file of scores: {"clips": [{"name": …, "event": …, "scores": {…}}, …]}.

    Raises:
        ValueError: the file cannot be read, or something in it is no clip.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"more than {LARGEST_FILE} bytes")
        found = read_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path.name}: found a file that cannot be read ({error}), expected JSON; judge again."
        ) from error
    listed = found.get("clips") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ValueError(f'{path.name}: found {shown(found)}, expected {{"clips": […]}} with a clip; judge again.')
    return [_clip(item, f"{path.name}: clip {number}") for number, item in enumerate(listed)]


def _clip(item: Any, where: str) -> Clip:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or item.get("event") not in BY_NAME:
        raise ValueError(
            f"{where}: found {shown(item)}, expected a name, an event such as {', '.join(list(BY_NAME)[:3])}, and "
            "scores; correct it."
        )
    return Clip(item["name"], item["event"], scores_of(item.get("scores"), where))


def mean_scores(clips: Iterable[Clip]) -> Scores:
    """Return the mean of each score; its overall is the mean of theirs.

    Raises:
        ValueError: there is no clip.
    """
    each = [clip.scores for clip in clips]
    if not each:
        raise ValueError("clips: found none, expected at least one; judge some.")
    return Scores(*(sum(column) / len(each) for column in zip(*each, strict=True)))


def report(clips: Sequence[Clip]) -> str:
    """Return a table: a row for each event, each kind and all, with how many clips are behind it."""
    rows = [["", "clips", *(name.replace("_", " ") for name in MARKS), "overall"]]
    for kind in KINDS:
        own = [clip for clip in clips if BY_NAME[clip.event].kind == kind]
        for event in dict.fromkeys(clip.event for clip in own):
            rows.append(_row(f"  {event}", [clip for clip in own if clip.event == event]))
        if own:
            rows.append(_row(kind, own))
    rows.append(_row("all", clips))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    )  # fmt: skip


def _row(name: str, clips: Sequence[Clip]) -> list[str]:
    means = mean_scores(clips)
    return [name, str(len(clips)), *(f"{value:.3f}" for value in means), f"{means.overall:.3f}"]


def written(clips: Sequence[Clip]) -> str:
    """Return clips as the text of a file of scores."""
    listed = [{"name": clip.name, "event": clip.event, "scores": clip.scores._asdict()} for clip in clips]
    return json.dumps({"clips": listed}, indent=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of a file of scores, which a judge may fill first."""
    parser = argparse.ArgumentParser(prog="python -m worldmodel.metrics.interbench", description=__doc__)
    parser.add_argument("scores", type=Path, metavar="SCORES.json", help="read, or with --clips written")
    parser.add_argument("--clips", type=Path, metavar="FOLDER", help="a folder for each clip, EVENT or EVENT-ANYTHING, "
                        "with its frames as PNG or JPEG, in order")  # fmt: skip
    parser.add_argument("--endpoint", metavar="URL", help="of an OpenAI-compatible server, up to /v1; asked by --clips")
    parser.add_argument("--model", metavar="NAME", help="of the judge")
    parser.add_argument("--key-from", metavar="VARIABLE", help="environment variable that holds the server's key")
    options = parser.parse_args(arguments)
    try:
        if options.clips is not None:
            from .interbench_judge import Judge, judge_folder

            if not options.endpoint or not options.model:
                raise ValueError("--clips: found no --endpoint or no --model, expected both; name your judge.")
            judge = Judge.named(options.endpoint, options.model, options.key_from)
            options.scores.write_text(written(judge_folder(options.clips, judge)), encoding="utf-8")
        clips = read_scores(options.scores)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(report(clips))
    print(f"{counted(len(clips), 'clip')}; overall = (5 trigger + the other five) / 6, 0 to 5")
    return 0


if __name__ == "__main__":
    sys.exit(main())
