// The rule for a request. Plain and pure: the proxy and `explain` ask the same function.
import type { CompiledHost, CompiledRule, PathNode } from "./compile.ts"
import { searchShelf } from "./shelf.ts"

/** What matches read. `//` and `%2f` in the path are what they are: the path is matched in the form that is forwarded. */
export interface RequestView {
  readonly method: string
  /** Starts with `/`, without query. */
  readonly path: string
  /** Raw, after the `?`; "" for none. */
  readonly query: string
  /** Name in lower case; repeated lines joined (RFC 9110 5.3); null: absent. */
  readonly header: (name: string) => string | null
}

// The deepest node whose elements the path begins with. Elements are whole: `/abcd` never comes to the node of `/abc`.
const deepest = (root: PathNode, path: string): PathNode => {
  let node = root
  for (let at = 1; node.children !== null && at <= path.length; ) {
    const slash = path.indexOf("/", at)
    const end = slash < 0 ? path.length : slash
    const child = node.children.get(path.slice(at, end))
    if (child === undefined) break
    node = child
    at = end + 1
  }
  return node
}

const searchUp = (from: PathNode, request: RequestView, best: CompiledRule | null): CompiledRule | null => {
  let found = best
  for (let node: PathNode | null = from; node !== null; node = node.parent) {
    if (node.shelf !== null) found = searchShelf(node.shelf, request, found)
  }
  return found
}

/** The first rule in precedence order that matches, or null. */
export const matchRule = (host: CompiledHost, request: RequestView): CompiledRule | null => {
  const shelf = host.exact.get(request.path)
  const exact = shelf === undefined ? null : searchShelf(shelf, request, null)
  const prefix = searchUp(deepest(host.prefixes, request.path), request, exact)
  return searchUp(deepest(host.patterns, request.path), request, prefix)
}
