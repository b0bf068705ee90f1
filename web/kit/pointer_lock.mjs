// @ts-check
/** The mouse for one element alone, as games take it. */

/** Milliseconds that a browser gets to answer. */
const LOCK_WAIT = 500

/**
 * Ask for the mouse; whether it came. Without it, arrow keys and a gamepad look around.
 * @param {HTMLElement} element
 * @returns {Promise<boolean>}
 */
export async function capture(element) {
  const life = new AbortController()
  const got = () => document.pointerLockElement === element
  const answered = new Promise((resolve) => {
    document.addEventListener("pointerlockchange", () => resolve(got()), { signal: life.signal })
    document.addEventListener("pointerlockerror", () => resolve(false), { signal: life.signal })
    setTimeout(() => resolve(got()), LOCK_WAIT)
  })
  try {
    await element.requestPointerLock()
  } catch {
    life.abort()
    return false // the browser refuses without a press of the user, or where there is no mouse
  }
  const captured = await answered
  life.abort()
  return Boolean(captured)
}
