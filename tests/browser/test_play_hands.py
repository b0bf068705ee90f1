"""What hands do on a walk beside the keyboard: a gamepad, an event text, the large view. It is the page's own player,
and a host in the page that answers at once."""

from __future__ import annotations

from editor_page import ARTEFACTS, settle
from playwright.sync_api import Page, expect

OPEN = """async () => {
    const { gameOf } = await import('/extensions/ComfyUI-WorldModel/play/widget.mjs')
    const { getVariants } = await import('/extensions/ComfyUI-WorldModel/kit/server.mjs')
    const known = (await getVariants()).find(one => one.name === 'matrix_game_3_distilled')
    const variant = { ...known, first_chunk: 4, chunk: 4 }
    // large enough for JPEG: smaller ones are asked for as they are
    const canvas = Object.assign(document.createElement('canvas'), { width: 192, height: 128 })
    const context = canvas.getContext('2d')
    context.fillStyle = '#2f5d50'
    context.fillRect(0, 0, 192, 128)
    const jpeg = new Uint8Array(await (await new Promise(done => canvas.toBlob(done, 'image/jpeg'))).arrayBuffer())
    const state = { frames: 0, next: 4, chunks: 0, limit: 100000, seed: 1, turn: 0 }
    const about = { model: 'a model', variant, fps: 16, width: 192, height: 128, reads_text: true, walks: true,
        first_frame: 0 }
    class Host extends EventTarget {
        readyState = WebSocket.OPEN
        orders = []
        constructor() {
            super()
            queueMicrotask(() => this.tell({ type: 'open', about, state, way: { from: 0, points: [] } }))
        }
        say(data) {
            this.dispatchEvent(new MessageEvent('message', { data }))
        }
        tell(answer) {
            this.say(JSON.stringify(answer))
        }
        send(text) {
            const order = JSON.parse(text)
            this.orders.push(order)
            queueMicrotask(() => this[order.do](order))
        }
        done(order, from) {
            const points = Array.from({ length: state.frames - from }, (_, at) => [0, 0.1 * (from + at), 0])
            this.tell({ type: 'done', id: order.id, state, way: { from, points } })
        }
        step(order) {
            const from = state.frames
            Object.assign(state, { frames: from + 4, chunks: state.chunks + 1 })
            this.done(order, from)
            for (let frame = from; frame < state.frames; frame += 1) {
                const message = new Uint8Array(16 + jpeg.length)
                const header = new DataView(message.buffer)
                header.setUint8(0, 1)
                header.setUint32(4, state.turn, true)
                header.setUint32(8, frame, true)
                message.set(jpeg, 16)
                this.say(message.buffer)
            }
        }
        rewind(order) {
            state.chunks = Math.max(0, state.chunks - order.chunks)
            Object.assign(state, { frames: state.chunks * 4, turn: state.turn + 1 })
            this.done(order, state.frames)
        }
        close() {}
    }
    wmClear()
    const node = LiteGraph.createNode('WMPlayWorld')
    app.graph.add(node)
    node.pos = [0, 0]
    node.setSize([520, 760])
    Object.assign(app.canvas.ds, { scale: 1, offset: [100, 80] })
    const { WebSocket: real } = window
    window.WebSocket = class extends Host {
        static OPEN = real.OPEN
        constructor() {
            super()
            window.wmHost = this
        }
    }
    gameOf(node, app).open('a walk')
    window.WebSocket = real
    window.wmGame = gameOf(node, app).game
    const buttons = Array.from({ length: 17 }, () => ({ pressed: false }))
    window.wmPad = { connected: true, axes: [0, 0, 0, 0], buttons }
    Object.defineProperty(navigator, 'getGamepads', { value: () => [null, wmPad], configurable: true })
    app.canvas.setDirty(true, true)
}"""
TOLD = """([key, turns]) => wmHost.orders.some(({ do: what, controls }) => what === 'step'
    && key in controls.keys && (!turns || controls.mouse.yaw?.some(([, yaw]) => yaw > 0)))"""
TEXTS = "() => wmHost.orders.flatMap(({ controls }) => controls?.prompts ?? [])"


def expect_phase(page: Page, phase: str) -> None:
    expect(page.locator(".wm-play")).to_have_attribute("data-phase", phase)


def test_a_gamepad_walks_a_text_is_told_once_and_the_large_view_is_played_in(page: Page) -> None:
    page.evaluate(OPEN)
    game = page.locator(".wm-play")
    stage = game.locator(".wm-stage")
    expect_phase(page, "ready")
    stage.click()
    expect_phase(page, "walking")

    page.evaluate("() => { wmPad.axes = [0, -1, 0.9, 0] }")
    page.wait_for_function(TOLD, arg=["forward", True])
    page.evaluate("() => { wmPad.axes = [0, 0, 0, 0] }")
    page.keyboard.press("Backspace")
    expect_phase(page, "waiting")
    page.evaluate("() => { wmHost.orders.length = 0; wmPad.buttons[14].pressed = true }")
    expect_phase(page, "walking")  # a pad goes on as a key does
    page.wait_for_function(TOLD, arg=["left", False])
    page.evaluate("() => { wmPad.buttons[14].pressed = false }")

    page.keyboard.press("t")
    field = game.get_by_role("textbox", name="Event text from here")
    expect(field).to_be_focused()
    field.press_sequentially("A ghost appears. ")  # its letters are no keys of the walk
    field.press("Enter")
    expect_phase(page, "walking")
    expect(game.get_by_text("from here: A ghost appears.")).to_be_visible()
    page.evaluate("() => { window.wmSteps = wmHost.orders.length }")
    page.wait_for_function("() => wmHost.orders.length > wmSteps + 2")
    assert page.evaluate(TEXTS) == [[0, "A ghost appears."]]
    page.keyboard.press("Escape")
    expect_phase(page, "ready")

    settle(page)
    small = stage.bounding_box()
    game.get_by_role("button", name="Fill the screen").click()
    page.wait_for_function("() => document.fullscreenElement === wmGame.root && wmGame.root.clientWidth === innerWidth")
    assert stage.bounding_box()["width"] > 1.5 * small["width"]
    game.get_by_role("button", name="Take back").click()
    page.get_by_role("menuitem", name="the last 2 chunks").click()  # it lies over the large view
    page.wait_for_function("() => wmHost.orders.at(-1).do === 'rewind'")
    stage.click(position={"x": 300, "y": 200})
    expect_phase(page, "walking")
    page.evaluate("() => { wmHost.orders.length = 0 }")
    page.keyboard.down("d")
    page.wait_for_function(TOLD, arg=["right", False])
    page.keyboard.up("d")
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"play_large_{page.evaluate('() => LiteGraph.vueNodesMode')}.png")
    page.keyboard.press("Escape")
    expect_phase(page, "ready")
    game.get_by_role("button", name="Leave the whole screen").click()
    page.wait_for_function("() => !document.fullscreenElement")
    settle(page)
    assert stage.bounding_box() == small
    page.evaluate("() => { delete navigator.getGamepads }")
