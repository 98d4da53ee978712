// YAML of the generated manifests: a list of words on one line where it fits, everything else in block style.
import { Document, isScalar, isSeq, visit } from "yaml"

const short = 100

export const printed = (value: unknown): string => {
  const document = new Document(value, { aliasDuplicateObjects: false })
  visit(document, {
    Seq: (_, node) => {
      const words = isSeq(node) && node.items.every(isScalar)
      if (words && node.items.map(String).join(", ").length <= short) node.flow = true
    }
  })
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}
