"""What is asked of a world in the middle of a walk, in the three kinds of InterBench (arXiv:2511.23429).

The paper names the events and publishes no sentences; these are this pack's own.
"""

from __future__ import annotations

from typing import NamedTuple

ENVIRONMENT, ACTOR, ENTITY = "environment", "actor", "entity"
KINDS = (ENVIRONMENT, ACTOR, ENTITY)


class Event(NamedTuple):
    """One thing that happens.

    Args:
        name: as files and tables have it.
        kind: one of `KINDS`.
        prompt: what the world is told.
        end: what is to be seen at the end, which the judge is told.
    """

    name: str
    kind: str
    prompt: str
    end: str


def _all(kind: str, *events: tuple[str, str, str]) -> tuple[Event, ...]:
    return tuple(Event(name, kind, prompt, end) for name, prompt, end in events)


EVENTS = (
    *_all(
        ENVIRONMENT,
        ("snow", "Snow begins to fall and soon covers the ground.", "the ground lies under snow, flakes in the air"),
        ("rain", "Rain sets in, and everything gets wet.", "it rains, and surfaces shine with water"),
        ("lightning", "Lightning flashes across the sky.", "the sky was lit by lightning and is dark again"),
        ("explosion", "Something explodes ahead, with fire and smoke.", "smoke and traces of fire where it exploded"),
    ),
    *_all(
        ACTOR,
        ("gun", "The player draws a gun and holds it in view.", "a gun held steadily in the hand"),
        ("knife", "The player draws a knife and holds it in view.", "a knife held steadily in the hand"),
        ("torch", "The player lights a torch and holds it up.", "a burning torch in the hand that lights the place"),
        ("shot", "The player draws a gun and fires it once.", "the gun in the hand after its flash"),
        ("phone", "The player takes out a phone and looks at it.", "a phone held in the hand, its screen lit"),
        ("door", "The player reaches for the door in front and opens it.", "the door stands open, with a way through"),
    ),
    *_all(
        ENTITY,
        ("cat", "A cat comes into view and walks past.", "a cat that keeps its shape while it walks"),
        ("dog", "A dog runs up from ahead.", "a dog near the player that keeps its shape"),
        ("wolf", "A wolf steps out and stares.", "a wolf that stands and looks here"),
        ("deer", "A deer crosses the way ahead.", "a deer that has crossed"),
        ("dragon", "A dragon comes down from the sky.", "a dragon that has landed or hovers ahead"),
        ("car", "A car drives up and passes by.", "a car that drives on along the way"),
        ("truck", "A truck drives up and stops ahead.", "a truck that stands ahead"),
        ("motorcycle", "A motorcycle speeds past.", "a motorcycle that drives away"),
        ("bus", "A bus comes along and drives by.", "a bus that drives on along the way"),
        ("human", "Somebody walks up and stops in front.", "a person who stands in front, with a sound body"),
    ),
)
BY_NAME = {event.name: event for event in EVENTS}
