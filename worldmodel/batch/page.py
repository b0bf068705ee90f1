"""The page of a batch: films, contact sheets and the table, as one file that needs no script and no network."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from ..reading.words import counted
from .made import FILMS

_LETTERS = 300
"""Of a cell's value."""
_STYLE = """
body{margin:2rem min(2rem,2vw);font:15px/1.45 system-ui,sans-serif;background:#14161a;color:#e6e8eb}
h1{font-size:1.4rem;margin:0 0 .3rem}p{margin:.2rem 0 1rem;color:#a4abb5}
table{border-collapse:collapse;width:100%}th,td{padding:.5rem .5rem;border-bottom:1px solid #2b3038;text-align:left;
vertical-align:top}th{position:sticky;top:0;background:#14161a;color:#a4abb5;font-weight:600}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.v{min-width:4rem;max-width:22rem;overflow-wrap:anywhere}
video{width:max(8rem,18vw);display:block;background:#000;object-fit:cover;object-position:left;border-radius:4px}
img{display:block;width:40rem;max-width:18vw;border-radius:4px}
td.failed{min-width:14rem}td.f,td.w{overflow-wrap:anywhere;min-width:4.5rem}
.done{color:#3fbf9b}.failed{color:#ff8d7a}.waiting{color:#a4abb5}code{font-size:.85em;color:#a4abb5}
a{color:#8ab8ff}
"""


class Line(NamedTuple):
    """A row of the table.

    Args:
        row: its number.
        id: of its job.
        values: what it says, by column.
        made: the job's sidecar; empty where it is still to be made.
    """

    row: int
    id: str
    values: dict[str, Any]
    made: dict[str, Any]


def film_of(files: list[dict[str, Any]]) -> str | None:
    """Return the name of a job's film, `None` without one; pictures in a folder are none, whatever they end with."""
    names = (file["name"] for file in files)
    return next((name for name in names if name.endswith(FILMS) and "/" not in name), None)


def write_page(title: str, columns: tuple[str, ...], lines: list[Line]) -> str:
    """Return the page's HTML; everything that comes from elsewhere is escaped."""
    done = sum(line.made.get("state") == "done" for line in lines)
    failed = sum(line.made.get("state") == "failed" for line in lines)
    seconds = sum({line.id: line.made.get("seconds") or 0 for line in lines}.values())
    summary = f"{done} of {counted(len(lines), 'row')} done, {failed} failed; {_span(seconds)} of work."
    names = ("row", "film", "contact sheet", *columns, "state", "seconds", "frames/s", "world", "files")
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "\n".join(_row(line, columns) for line in lines)
    policy = "default-src 'none'; img-src 'self' file:; media-src 'self' file:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style></head>\n'
        f"<body><h1>{escape(title)}</h1><p>{escape(summary)}</p>\n<table><thead><tr>{head}</tr></thead><tbody>\n"
        f"{rows}\n</tbody></table></body></html>\n"
    )


def _row(line: Line, columns: tuple[str, ...]) -> str:
    made = line.made
    state = made.get("state", "waiting")
    files = made.get("files", [])
    film = film_of(files)
    sheet = next((file["name"] for file in files if file["name"].endswith("-sheet.jpg")), None)
    link = f'<a href="{quote(film)}">{escape(film)}</a>' if film else ""  # whole, as it stands in the folder
    cells = [_cell("n", line.row), f'<td class="w">{_film(film, sheet, made.get("size"))}{link}</td>']
    cells.append(f"<td>{_picture(sheet, line.row) if sheet else ''}</td>")
    cells += [_cell("v", line.values.get(name, "")) for name in columns]
    cells.append(f'<td class="{escape(state)}">{escape(state)}{_error(made)}</td>')
    cells += [_cell("n", made.get("seconds", "")), _cell("n", made.get("frames_per_second", ""))]
    prints = "<br>".join(f"<code>{escape(found)}</code>" for found in made.get("fingerprints", {}).values())
    named = [file["name"] for file in files if file["name"] not in (film, sheet)]
    links = "<br>".join(_links(([f"{line.id}.json"] if made else []) + named))
    return f'<tr id="{escape(line.id)}">{"".join(cells)}<td class="w">{prints}</td><td class="f">{links}</td></tr>'


def _cell(kind: str, value: Any) -> str:
    text = "" if value is None else str(value)
    return f'<td class="{kind}">{escape(text[:_LETTERS])}{" …" * (len(text) > _LETTERS)}</td>'


def _error(made: dict[str, Any]) -> str:
    return f"<br>{escape(made['error'])}" if made.get("error") else ""


def _film(film: str | None, sheet: str | None, size: list[int] | None) -> str:
    """Return the player, which shows the sheet's first picture until it plays; a GIF or WebP plays by itself."""
    if film is None:
        return ""
    if film.endswith((".gif", ".webp")):
        return f'<img src="{quote(film)}" alt="film" loading="lazy">'
    poster = f' poster="{quote(sheet)}"' if sheet else ""
    shape = f' style="aspect-ratio:{size[0]}/{size[1]}"' if size else ""
    return f'<video src="{quote(film)}"{poster}{shape} controls loop muted playsinline preload="none"></video>'


def _picture(sheet: str, row: int) -> str:
    return f'<a href="{quote(sheet)}"><img src="{quote(sheet)}" alt="frames of row {row}" loading="lazy"></a>'


def _links(names: list[str]) -> list[str]:
    """Return a link to each file, and one to each folder."""
    folders = Counter(name.partition("/")[0] for name in names if "/" in name)
    links = [(name, "") for name in names if "/" not in name]
    links += [(f"{name}/", f" ({counted(count, 'file')})") for name, count in folders.items()]
    return [f'<a href="{quote(name)}">{escape(name.partition("-")[2] or name)}</a>{more}' for name, more in links]


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"
