// Law 11 where it is broken most easily: a Secret that does not parse or decode is told by place and field, never by what is written in it.
import { assert, describe, it } from "vitest"
import { assemble } from "#src/sources/assembly.ts"
import { describeProblem } from "#src/sources/problem.ts"

const canary = "hunter2"

const problemsOf = (text: string): ReadonlyArray<string> =>
  assemble({ files: new Map([["m.yaml", text]]), faults: [], folders: new Map() }, new Uint8Array(32), null).problems.map(describeProblem)

const head = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\n"

describe("a Secret that cannot be read", () => {
  it.each([
    ["an alias", `${head}stringData:\n  password: *${canary}\n`, /m\.yaml:5|m\.yaml:1/],
    ["a block header", `${head}stringData:\n  password: |${canary}\n`, /m\.yaml:5.*not YAML/],
    ["a folded header", `${head}stringData:\n  password: >${canary}\n`, /m\.yaml:5.*not YAML/],
    ["a line without a key", `${head}stringData:\n  user: a\npassword ${canary}\n`, /not YAML/],
    ["a directive in the value", `${head}stringData:\n  password: %${canary}\n`, /not YAML/],
    ["a reserved character", `${head}stringData:\n  password: @${canary}\n`, /not YAML/],
    ["an escape", `${head}stringData:\n  password: "\\q${canary}"\n`, /not YAML/],
    ["a number", `${head}stringData:\n  password: [${canary}]\n`, /stringData\.password/],
    ["bytes that are not base64", `${head}data:\n  password: "?${canary}"\n`, /data\.password/]
  ])("is told without its content: %s", (_what, text, told) => {
    const problems = problemsOf(text)
    assert.match(problems.join("\n"), told)
    assert.notInclude(problems.join("\n"), canary)
  })

  it.each([
    ["Secret", "stringData"],
    ["ConfigMap", "binaryData"]
  ])("a field that a %s does not have is told by what was meant, and not by its name", (kind, meant) => {
    const told = (field: string) => problemsOf(`apiVersion: v1\nkind: ${kind}\nmetadata: {name: a, namespace: shop}\n${field}: x\n`).join()
    const near = `${meant}${canary}`
    assert.match(told(near), new RegExp(`m\\.yaml:4.*Did you mean ${meant}\\?`))
    assert.match(told(canary), /m\.yaml:4.*a stray quote/)
    for (const field of [near, canary]) assert.notInclude(told(field), canary)
  })

  it("is told without its content wherever one character too many stands", () => {
    const bodies = [
      `stringData:\n  password: ${canary}\n  other: "${canary} x"\n  block: |\n    ${canary}\n`,
      `data: {tls.key: ${canary}, tls.crt: '${canary}=='}\n`
    ]
    const strays = ['"', "'", ":", ": ", "{", "}", "[", "]", "&", "*", "!", "|", ">", "%", "@", "`", "\t", "\n", "- ", "? ", "\\", "<<: *"]
    let refused = 0
    for (const body of bodies)
      for (let at = 0; at <= body.length; at++)
        for (const stray of strays) {
          const problems = problemsOf(`${head}${body.slice(0, at)}${stray}${body.slice(at)}`).join("\n")
          if (problems !== "") refused++
          // A stray indicator may make a key of the value; a key is a name, and is told.
          const keys = problems.replaceAll(/\b(data|stringData)(\.[\w-]+|\["(?:[^"\\]|\\.)*"\])/g, "$1")
          assert.notInclude(keys, canary, `${JSON.stringify(stray)} at ${at} of ${JSON.stringify(body)}`)
        }
    assert.isAbove(refused, 500)
  })
})
