// CustomResourceDefinitions of our own kinds, from the table of kinds, their schemas and their definitions.
import { type Column, categories, type Definition, definitions } from "#schemas/definition.ts"
import { type KindEntry, kindOf } from "#schemas/kinds.ts"
import { type OpenAPI, openAPIOf } from "./openapi.ts"

const column = ({ name, type, path, description, wide }: Column) => ({
  name,
  type,
  jsonPath: path,
  description,
  ...(wide === true ? { priority: 1 } : {})
})

const schemaOf = (kind: KindEntry, { description, status }: Definition): OpenAPI => {
  const { type, required, properties } = openAPIOf(kind.schema, kind.kind)
  return {
    description,
    type,
    required,
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      ...(properties as OpenAPI),
      ...(status === null
        ? {}
        : { status: { description: "What became of it, as Sluice sees it.", ...openAPIOf(status, `${kind.kind}.status`) } })
    }
  }
}

export interface CustomResourceDefinition {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: OpenAPI } }] }
}

export const crdOf = (definition: Definition): CustomResourceDefinition => {
  const kind = kindOf(definition.groupKind)
  if (kind === undefined) throw new Error(`${definition.groupKind} is not in the table of kinds`)
  if (kind.status !== (definition.status !== null))
    throw new Error(`${definition.groupKind}: the table of kinds and the definition differ about status`)
  const crd = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.plural}.${kind.group}`, labels: { "app.kubernetes.io/part-of": "sluice" } },
    spec: {
      group: kind.group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: definition.shortNames,
        categories
      },
      scope: kind.scope,
      versions: [
        {
          name: kind.version,
          served: true,
          storage: true,
          ...(definition.status === null ? {} : { subresources: { status: {} } }),
          additionalPrinterColumns: definition.columns.map(column),
          schema: { openAPIV3Schema: schemaOf(kind, definition) }
        }
      ]
    }
  }
  return crd as unknown as CustomResourceDefinition
}

/** By file name. */
export const crds: ReadonlyMap<string, CustomResourceDefinition> = new Map(
  definitions.map((definition) => {
    const crd = crdOf(definition)
    return [`${crd.metadata.name}.yaml`, crd] as const
  })
)
