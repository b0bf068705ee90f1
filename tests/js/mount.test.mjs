// @ts-check
/** Modules that are fetched when they are needed first. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { late } from "../../web/kit/mount.mjs"

const none = () => assert.fail("it was fetched")

test("a module is fetched once, for all who need it, in their order, and is at hand from then on", async () => {
  const asked = /** @type {((module: string) => void)[]} */ ([])
  const module = late(() => new Promise((come) => asked.push(come)))
  const got = /** @type {string[]} */ ([])
  module.use((name) => got.push(`first ${name}`), none)
  module.use((name) => got.push(`second ${name}`), none)
  assert.deepEqual([asked.length, got], [1, []])
  asked[0]("editor")
  await module.come()
  module.use((name) => got.push(`third ${name}`), none)
  assert.deepEqual([asked.length, got], [1, ["first editor", "second editor", "third editor"]])
})

test("who needs a module that does not come is told", async () => {
  const module = late(() => Promise.reject(new Error("offline")))
  const told = /** @type {unknown[]} */ ([])
  for (const who of ["first", "second"])
    module.use(none, (error) => told.push(`${who} ${/** @type {Error} */ (error).message}`))
  await assert.rejects(module.come(), /offline/)
  assert.deepEqual(told, ["first offline", "second offline"])
})
