// The table of good and bad objects before an API server with every other release and channel of the upstream CRDs: their OpenAPI and their CEL rules.
import { afterAll, beforeAll, expect, it } from "vitest"
import { type ControlPlane, startControlPlane } from "../cluster/control.ts"
import { installCrds, removeCrds } from "../cluster/crds.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import { installed, isRefusedBy, judgedBy, manifest, submitTo } from "../deploy/judges.ts"
import { everywhere } from "../schemas/table/row.ts"

await withClusterPrograms("the other releases and channels", () => {
  let plane: ControlPlane
  beforeAll(async () => {
    plane = await startControlPlane()
  }, 90_000)
  afterAll(() => plane?.stop())

  it.each(everywhere.filter((channel) => channel !== installed))(
    "%s",
    async (channel) => {
      const names = await installCrds(plane, channel)
      const submit = submitTo(plane, plane.namespace("table"))
      const table = judgedBy(channel)
      const answers = await Promise.all(table.map((row) => submit(manifest(row), "Ignore")))
      const differ = table.flatMap((row, index) => {
        const { status, body } = answers[index]!
        const wanted = isRefusedBy(channel, row) ? 422 : 201
        return status === wanted || status === 404 ? [] : [`${manifest(row).kind} ${row.law}: ${status} ${body.message}`]
      })
      expect(differ).toEqual([])
      // Old versions that a release no longer serves are few.
      expect(answers.filter(({ status }) => status === 404).length).toBeLessThan(10)
      await removeCrds(plane, names)
    },
    90_000
  )
})
