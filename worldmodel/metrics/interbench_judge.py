"""A judge for InterBench: any OpenAI-compatible server that looks at pictures and that the user names.

Nothing is asked unless a judge is named; what is sent are frames of the clip, the prompt, and the rubric.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from ..reading.json_text import shown
from ..reading.safetensors_header import read_json
from ..reading.words import shortened
from .interbench import Clip, Scores, scores_of
from .interbench_prompts import BY_NAME, Event

FRAMES = 12
"""Of a clip that are sent at most, evenly spread."""
PICTURES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}
SECONDS = 300
RUBRIC = """You judge whether an interactive world did what it was asked. The pictures are frames of one clip in order.
It was asked: "{prompt}" At the end one should see: {end}.
Give six whole numbers.
trigger: 1 if what was asked begins to happen at all, else 0.
Each of the others is 0 (fails), 1 (poor), 3 (fair) or 5 (good):
alignment: what happens is what was asked, by the right actor, in the right place.
fluency: it happens smoothly, without jumps or flicker.
scope: it changes all that it should change, and nothing else.
end_state: at the end one sees what was to be seen, and it stays so.
physics: bodies, light and motion behave as they would.
If trigger is 0, all others are 0. Answer with one JSON object with exactly these six keys, and nothing else."""


class Judge(NamedTuple):
    """Who is asked.

    Args:
        endpoint: address of the server, up to /v1.
        model: its name there.
        key: the server's key; "": none is sent.
        send: how a request becomes an answer.
    """

    endpoint: str
    model: str
    key: str = ""
    send: Callable[[urllib.request.Request], bytes] = lambda request: _sent(request)

    @classmethod
    def named(cls, endpoint: str, model: str, variable: str | None) -> Self:
        """Return a judge whose key stands in an environment variable.

        Raises:
            ValueError: the address is none, or the variable is empty.
        """
        if not endpoint.startswith(("http://", "https://")):
            raise ValueError(
                f"--endpoint: found {shortened(endpoint)!r}, expected an address that begins with http:// or https://; "
                "correct it."
            )
        key = os.environ.get(variable, "") if variable else ""
        if variable and not key:
            raise ValueError(f"--key-from: found nothing in {shortened(variable)}, expected the server's key; set it.")
        return cls(endpoint.rstrip("/"), model, key)

    def scores(self, frames: Sequence[Path], event: Event, name: str) -> Scores:
        """Ask for the scores of a clip.

        Args:
            frames: PNG or JPEG files, in order.
            event: what was asked.
            name: how messages call the clip.

        Raises:
            ValueError: the server cannot be reached, or answers something else than six scores.
        """
        text = RUBRIC.format(prompt=event.prompt, end=event.end)
        content = [{"type": "text", "text": text}, *map(_picture, spread(frames))]
        asked = {"model": self.model, "temperature": 0, "messages": [{"role": "user", "content": content}]}
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(
            f"{self.endpoint}/chat/completions", json.dumps(asked).encode(), headers, method="POST"
        )
        return scores_of(_answer(self.send(request), name), name)


def spread(frames: Sequence[Path], most: int = FRAMES) -> list[Path]:
    """Return at most so many frames, evenly spread, the first and the last among them."""
    if len(frames) <= most:
        return list(frames)
    return [frames[round(index * (len(frames) - 1) / (most - 1))] for index in range(most)]


def judge_folder(folder: Path, judge: Judge) -> list[Clip]:
    """Judge every clip of a folder: one folder each, called EVENT or EVENT-ANYTHING.

    Raises:
        ValueError: a folder is called otherwise or holds no pictures, or the judge does not answer.
    """
    if not folder.is_dir():
        raise ValueError(f"--clips: found no folder {folder.name}, expected one; correct the path.")
    clips = []
    for place in sorted(item for item in folder.iterdir() if item.is_dir()):
        event = place.name.partition("-")[0]
        frames = sorted(file for file in place.iterdir() if file.suffix.lower() in PICTURES)
        if event not in BY_NAME or not frames:
            found = "no PNG or JPEG" if event in BY_NAME else f"the event {shortened(event)!r}"
            raise ValueError(
                f"{place.name}: found {found}, expected frames of one of {', '.join(BY_NAME)}; rename or fill it."
            )
        clips.append(Clip(place.name, event, judge.scores(frames, BY_NAME[event], place.name)))
    if not clips:
        raise ValueError(f"--clips: found no clip in {folder.name}, expected a folder for each; make some.")
    return clips


def _picture(path: Path) -> dict[str, Any]:
    data = base64.b64encode(path.read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/{PICTURES[path.suffix.lower()]};base64,{data}"}}


def _sent(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # only where the user named a server
            return answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise ValueError(
            f"--endpoint: found no answer ({error}), expected a judge's; check address and key."
        ) from error


def _answer(reply: bytes, name: str) -> Any:
    """Return the JSON object in a chat's answer."""
    try:
        said = read_json(reply)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{name}: found no chat's answer, expected one with choices; check the server.") from error
    if not isinstance(said, str):
        raise ValueError(f"{name}: found {shown(said)} as the answer, expected text; check the server.")
    first, last = said.find("{"), said.rfind("}")  # some models put words or a fence around it
    try:
        return read_json(said[first : last + 1])
    except ValueError as error:
        raise ValueError(f"{name}: found {shortened(said, 80)!r}, expected one JSON object; judge it again.") from error
