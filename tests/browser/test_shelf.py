"""The world shelf on Load World, in both renderers: chosen by a click, renamed, deleted, and asked before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from comfy_host import ComfyHost
from editor_page import ADD, ARTEFACTS, settle
from playwright.sync_api import Page, expect

from tests.unit.samples import made_up_world
from worldmodel.world.archive import SUFFIX, save_world
from worldmodel.world.cards import made_picture

CAMERA = b'{"type": "track", "version": 1, "frames": 9, "fps": 16, "keys": {"forward": [[0, 9]]}}'
VALUE = "() => app.graph.nodes[0].widgets.find(widget => widget.name === 'world_file').value"
TRACKS = "at => app.graph.nodes[at].widgets.find(widget => widget.name === 'track_file').options.values"
TRACK = "() => app.graph.nodes[0].widgets.find(widget => widget.name === 'track_file').value"
UPLOAD = "() => { app.graph.nodes[0].widgets.find(widget => widget.type === 'button').callback() }"
WIDGETS = "() => app.graph.serialize().nodes[0].widgets_values"


@pytest.fixture
def saved(comfy: ComfyHost) -> Path:
    """Two worlds, the newer one with a picture."""
    folder = comfy.output / "shelf"
    folder.mkdir(exist_ok=True)
    rows = torch.linspace(0, 1, 64)[:, None, None].expand(64, 96, 3)
    save_world(made_up_world(), folder / f"juniper{SUFFIX}")
    save_world(made_up_world(), folder / f"rowan{SUFFIX}", made_picture(rows))
    yield folder
    for path in folder.iterdir():
        path.unlink()


def test_a_world_is_chosen_renamed_and_deleted_on_the_node(page: Page, saved: Path) -> None:
    page.evaluate(ADD, ["WMLoadWorld", {}, [320, 420], 1])
    cards = page.get_by_role("list", name="Saved worlds").get_by_role("listitem")
    first = cards.filter(has_text="juniper")
    expect(first).to_contain_text("1.3 s")
    second = cards.filter(has_text="rowan")
    expect(second).to_have_attribute("data-chosen", "")  # the newest
    expect(second.locator("img")).to_be_visible()
    expect(first.locator("svg path").first).to_be_attached()
    settle(page)
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"shelf_{page.evaluate('() => LiteGraph.vueNodesMode')}.png")

    first.get_by_role("button").first.click()
    assert page.evaluate(VALUE) == f"shelf/juniper{SUFFIX} [output]"
    expect(first).to_have_attribute("data-chosen", "")
    assert page.evaluate(WIDGETS) == [f"shelf/juniper{SUFFIX} [output]"]  # nothing of the shelf is saved

    first.hover()
    first.get_by_role("button", name="Rename juniper").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("hawthorn")
    page.keyboard.press("Enter")
    kept = cards.filter(has_text="hawthorn")
    expect(kept).to_have_attribute("data-chosen", "")
    assert page.evaluate(VALUE) == f"shelf/hawthorn{SUFFIX} [output]" and (saved / f"hawthorn{SUFFIX}").exists()

    second.hover()
    second.get_by_role("button", name="Delete rowan").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text('Delete "rowan" for good?')
    assert (saved / f"rowan{SUFFIX}").exists()
    asked.get_by_role("button", name="Delete").click()
    expect(second).to_have_count(0)
    assert not (saved / f"rowan{SUFFIX}").exists()
    page.get_by_role("button", name="the newest").click()
    assert page.evaluate(VALUE) == "the newest"
    expect(kept).to_have_attribute("data-chosen", "")


def test_load_track_lists_what_was_saved_and_takes_a_file_of_the_artists(page: Page, comfy: ComfyHost) -> None:
    page.evaluate(ADD, ["WMLoadTrack", {}, [360, 300], 1])
    page.wait_for_function("() => app.graph.nodes[0].widgets.some(widget => widget.type === 'button')")
    saved, name = comfy.output / "alder.csv", "alder.csv [output]"
    saved.write_text("forward\n" + "1\n" * 9)
    listed = f"name => ({TRACKS})(0).includes(name)"
    page.evaluate("() => app.api.dispatchEvent(new CustomEvent('execution_success', { detail: {} }))")  # of Save Track
    page.wait_for_function(listed, arg=name)

    with page.expect_file_chooser() as chooser:
        page.evaluate(UPLOAD)
    chooser.value.set_files({"name": "camera.json", "mimeType": "", "buffer": CAMERA})
    page.wait_for_function(f"() => ({TRACK})() === 'camera.json'")
    with page.expect_file_chooser() as chooser:
        page.evaluate(UPLOAD)
    chooser.value.set_files({"name": "notes.json", "mimeType": "", "buffer": b'{"nodes": []}'})
    expect(page.get_by_text("notes.json: in the input folder now, but does not read as a track")).to_be_visible()
    assert page.evaluate(TRACK) == "camera.json"
    assert page.evaluate(WIDGETS)[0] == "camera.json" and len(page.evaluate(WIDGETS)) == 7  # the button is not saved
    settle(page)
    page.screenshot(path=ARTEFACTS / f"load_track_{page.evaluate('() => LiteGraph.vueNodesMode')}.png")
    for path in (saved, comfy.base / "input" / "camera.json", comfy.base / "input" / "notes.json"):
        path.unlink()
