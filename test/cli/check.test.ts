// `sluice check` and the words of every command: what is printed, and the exit code a script sees.

import { spawnSync } from "node:child_process"
import { assert, describe, it } from "vitest"
import { parse } from "yaml"
import { checkPaths } from "#src/cli/check.ts"
import { commands, flagsOf } from "#src/cli/grammar.ts"
import { commandHelp, generalHelp } from "#src/cli/help.ts"
import { makePaint } from "#src/cli/paint.ts"
import { nodeConcern } from "#src/cli/runtime.ts"
import { resolveSettings } from "#src/config/resolve.ts"
import { describeProblem } from "#src/sources/problem.ts"
import { folder, gateway, redirect, sluice } from "./program.ts"

const good = `${gateway(8080)}---\n${redirect("cart", "/", "cart.example")}`
const refused = good.replace("name: edge}]", "name: edge, sectionName: nope}]")

const judged = async (files: Readonly<Record<string, string>>) => {
  using place = folder(files)
  return await checkPaths([place.path], resolveSettings(new Map(), {}, null).settings)
}

describe("sluice check", () => {
  it("exits 0 and says so when all is accepted, with Programmed left open", async () => {
    using place = folder({ "a.yaml": good })
    const { code, out, err } = await sluice(["check", place.path])
    assert.strictEqual(code, 0, err)
    assert.match(out, /ok {3}Gateway shop\/edge {2}.*a\.yaml:1/)
    assert.match(out, /\? {4}Programmed Pending/)
    assert.match(out, /2 objects accepted, 0 refused$/m)
  })

  it("exits 1 on a refusal, naming the object, its file and line, and the condition", async () => {
    using place = folder({ "a.yaml": refused })
    const { code, out } = await sluice(["check", place.path])
    assert.strictEqual(code, 1)
    assert.match(out, /FAIL HTTPRoute shop\/cart {2}.*a\.yaml:8/)
    assert.match(out, /FAIL Accepted NoMatchingParent/)
    assert.match(out, /1 object accepted, 1 refused/)
  })

  it("notes a written address that the address policy will refuse, and says no such thing of one that an EgressPolicy opens", async () => {
    const two = "{ip: {address: 240.0.0.1, port: 80}}, {ip: {address: 192.0.2.1, port: 80}}"
    const yaml = (cidrs: string, endpoints: string) => `${gateway(8080)}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: old, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: old}]}]}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: old, namespace: shop}
spec: {endpoints: [${endpoints}]}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: EgressPolicy
metadata: {name: open}
spec: {mode: Open, namespaceSelector: {}, allow: [{cidrs: [${cidrs}]}]}
`
    const said = async (cidrs: string, endpoints = two, of = "Backend shop/old") => {
      const { accepted, objects } = await judged({ "a.yaml": yaml(cidrs, endpoints) })
      assert.isTrue(accepted)
      return JSON.stringify(objects.find(({ object }) => object === of))
    }
    assert.match(
      await said("198.51.100.0/24"),
      /not dialled as things are: 240\.0\.0\.1 is a special-use address: needs an EgressPolicy entry/
    )
    assert.notInclude(await said("198.51.100.0/24"), "192.0.2.1")
    assert.notInclude(await said("240.0.0.0/8"), "not dialled")
    assert.match(await said("198.51.100.0/24", two, "HTTPRoute shop/old"), /not dialled as things are: 240\.0\.0\.1/)
    const six = [1, 2, 3, 4, 5, 6].map((last) => `{ip: {address: 240.0.0.${last}, port: 80}}`).join(", ")
    const many = await said("198.51.100.0/24", six)
    assert.lengthOf(many.match(/not dialled as things are/g) ?? [], 4)
    assert.include(many, "; and 2 more of this kind")
  })

  it("refuses a document that does not parse, and judges the others", async () => {
    const { accepted, objects, problems } = await judged({ "a.yaml": `${good}---\nkind: HTTPRoute\nmetadata: {name: broken\n` })
    assert.isFalse(accepted)
    assert.isTrue(objects.every((object) => object.accepted))
    assert.match(problems.map(describeProblem).join(), /a\.yaml:\d+: HTTPRoute.*: not YAML/)
  })

  it("refuses a field that no kind has, and a route or Gateway that nothing serves", async () => {
    const misspelt = await judged({ "a.yaml": good.replace("parentRefs:", "parentRefz: []\n  parentRefs:") })
    assert.isFalse(misspelt.accepted)
    assert.match(
      misspelt.problems.map(describeProblem).join(),
      /HTTPRoute shop\/cart: spec\.parentRefz: HTTPRoute has no such field; it is not read\. Did you mean parentRefs\?/
    )
    assert.isFalse((await judged({ "a.yaml": good.replace("{name: edge}]", "{name: edgy}]") })).accepted)
    assert.isFalse((await judged({ "a.yaml": gateway(80).replace("ClassName: sluice", "ClassName: sluise") })).accepted)
  })

  it("warns of a field that Kubernetes' own kinds do not have, and of none that they have and Sluice does not read", async () => {
    const service = (field: string) =>
      `apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: shop}\nspec: {ports: [{port: 80}], ${field}}\n`
    const misspelt = await judged({ "a.yaml": good, "b.yaml": service("sessionafinity: None") })
    assert.isTrue(misspelt.accepted)
    assert.deepEqual(
      misspelt.problems.map(({ severity, field, line, remedy }) => ({ severity, field, line, remedy })),
      [{ severity: "Warning", field: "spec.sessionafinity", line: 4, remedy: "Did you mean sessionAffinity?" }]
    )
    assert.deepEqual(
      (await judged({ "a.yaml": good, "b.yaml": service("sessionAffinity: None, trafficDistribution: PreferClose") })).problems,
      []
    )
  })

  it("has nothing against somebody else's objects beside ours", async () => {
    const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n"
    assert.isTrue((await judged({ "a.yaml": good, "b.yaml": deployment })).accepted)
    const others =
      "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: other}\nspec: {controllerName: example.com/other}\n"
    const theirs = `${gateway(80, "theirs").replace("ClassName: sluice", "ClassName: other")}---\n${redirect("b", "/", "x.example").replace("name: edge", "name: theirs")}`
    const { accepted, ignored } = await judged({ "a.yaml": good, "b.yaml": `${others}---\n${theirs}` })
    assert.isTrue(accepted, JSON.stringify(ignored))
    assert.sameMembers(
      ignored.map((one) => one.object),
      ["Gateway shop/theirs", "HTTPRoute shop/b"]
    )
  })

  it("reads standard input, and answers in JSON and YAML with the same value", async () => {
    const [json, yaml] = await Promise.all([
      sluice(["check", "-o", "json", "-"], { stdin: refused }),
      sluice(["check", "--output=yaml", "--color", "always", "-"], { stdin: refused })
    ])
    assert.strictEqual(json.code, 1)
    const value = JSON.parse(json.out)
    assert.deepEqual(parse(yaml.out), value)
    assert.isFalse(value.accepted)
    const route = value.objects.find((object: { readonly object: string }) => object.object === "HTTPRoute shop/cart")
    assert.strictEqual(route.at, "<stdin>:8")
    assert.strictEqual(route.entries[0].conditions[0].reason, "NoMatchingParent")
  })

  it("is coloured on a terminal or when told, and by itself never against NO_COLOR or in a pipe", () => {
    const coloured = (...given: Parameters<typeof makePaint>) => makePaint(...given).bad("x") !== "x"
    assert.isTrue(coloured("auto", true, {}))
    assert.isFalse(coloured("auto", false, {}))
    assert.isFalse(coloured("auto", true, { NO_COLOR: "1" }))
    assert.isTrue(coloured("auto", true, { NO_COLOR: "" }))
    assert.isFalse(coloured("auto", true, { TERM: "dumb" }))
    assert.isTrue(coloured("always", false, { NO_COLOR: "1" }))
    assert.isFalse(coloured("never", true, {}))
  })

  it("exits 2 with the remedy for a path that is not there, an empty folder, a bad setting and an unknown flag", async () => {
    using place = folder({ "notes.txt": "x", "bad.yaml": "admin-address: nowhere\n" })
    for (const [words, expected] of [
      [["check", `${place.path}/none.yaml`], /no such file/],
      [["check"], /needs PATH/],
      [["check", "--ouput", "json", "."], /did you mean --output\?/],
      [["check", "--output", "xml", "."], /one of text, json, yaml/],
      [["check", "--output"], /needs a value/],
      [["check", "--config", `${place.path}/bad.yaml`, "."], /admin-address: "nowhere"/],
      [["check", "--drain-delay", "1s", "."], /setting of sluice run/],
      [["chek", "."], /did you mean check\?/],
      [["completion", "powershell"], /bash, zsh and fish/],
      [[], /Usage: sluice/]
    ] as const) {
      const { code, out, err } = await sluice(words)
      assert.strictEqual(code, 2, words.join(" "))
      assert.match(err, expected)
      assert.strictEqual(out, "")
    }
    using empty = folder({ "notes.txt": "x" })
    assert.match((await sluice(["check", empty.path])).err, /no manifests/)
  })
})

describe("help, version and completion", () => {
  it("name every command, flag and exit code", async () => {
    const { code, out } = await sluice(["--help"])
    assert.strictEqual(code, 0)
    assert.strictEqual(out.trimEnd(), generalHelp())
    for (const command of commands) {
      assert.include(generalHelp(), command.name)
      for (const flag of flagsOf(command)) assert.include(commandHelp(command), `--${flag.name}`)
      assert.match(commandHelp(command), /Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 /)
    }
    assert.include((await sluice(["run", "--help"])).out, "--drain-deadline DURATION")
    assert.include((await sluice(["help", "explain"])).out, "--probe")
  })

  it("say the versions, and when Node lacks security fixes", async () => {
    const { code, out } = await sluice(["version", "--output", "json"])
    assert.strictEqual(code, 0)
    const value = JSON.parse(out)
    assert.strictEqual(value.node, process.versions.node)
    assert.strictEqual(value.concern, nodeConcern(process.versions.node))
    for (const bad of ["26.10.0", "26.12.0", "26.13.0", "24.99.0"]) assert.match(nodeConcern(bad) ?? "", /26\.12\.1/)
    for (const fine of ["26.12.1", "26.12.2", "26.13.1", "26.14.0", "28.0.0"]) assert.isNull(nodeConcern(fine))
  })

  it("complete in bash: commands, flags, values", async () => {
    const { out } = await sluice(["completion", "bash"])
    const complete = (...words: ReadonlyArray<string>) =>
      spawnSync(
        "bash",
        ["-c", `${out}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`, "_", ...words],
        { encoding: "utf8" }
      )
        .stdout.trim()
        .split("\n")
    assert.deepEqual(complete("sluice", "ch"), ["check"])
    assert.deepEqual(complete("sluice", "check", "--out"), ["--output"])
    assert.deepEqual(complete("sluice", "check", "--output", "j"), ["json"])
    assert.deepEqual(complete("sluice", "completion", "z"), ["zsh"])
    for (const [shell, expected] of [
      ["zsh", /^#compdef sluice/],
      ["fish", /complete -c sluice .* -l output/]
    ] as const)
      assert.match((await sluice(["completion", shell])).out, expected)
  })
})
