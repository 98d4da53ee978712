// A cookie is found by its whole name, wherever it stands.
import { assert, it } from "vitest"
import { cookieValue } from "#src/routing/cookie.ts"

it.each([
  ["session=a", "session", "a"],
  ["x=1; session=a; y=2", "session", "a"],
  ["x=1;session=a", "session", "a"],
  ["session=a; session=b", "session", "a"],
  ["session=a=b==", "session", "a=b=="],
  ['session="a b"', "session", '"a b"'],
  ["session=", "session", ""],
  ["mysession=a", "session", null],
  ["session2=a", "session", null],
  ["Session=a", "session", null],
  ["session", "session", null],
  ["x=session=a", "session", null],
  ["session; x=1", "session", null],
  ["; ;=; session=a", "session", "a"],
  ["", "session", null]
])("%s has %s %s", (header, name, value) => {
  assert.strictEqual(cookieValue(header, name), value)
})
