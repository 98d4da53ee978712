// A redirect of Voyager as a filter of Gateway API. What the filter has no word for is told.
import type { RedirectAction } from "../translate/destination.ts"
import type { Fields } from "./manifest.ts"
import { convertNote, type Note } from "./note.ts"

const pathOf = ({ path }: RedirectAction["to"]): Fields | null => {
  if (path === null) return null
  switch (path._tag) {
    case "OriginAlone":
      return { type: "ReplaceFullPath", replaceFullPath: "/" }
    case "ReplacePrefixMatch":
      return { type: "ReplacePrefixMatch", replacePrefixMatch: path.value }
    default:
      return { type: "ReplaceFullPath", replaceFullPath: path.value }
  }
}

/** at: the path of the rule in the object that it was read from. */
export const redirectFilter = ({ status, to }: RedirectAction, at: string, say: (note: Note) => void): Fields => {
  const path = pathOf(to)
  if (to.path?._tag === "OriginAlone") say(convertNote.originAlone(at))
  if (to.path?._tag === "PathAlone") say(convertNote.pathAlone(at))
  return {
    type: "RequestRedirect",
    requestRedirect: {
      ...(to.scheme === null ? {} : { scheme: to.scheme }),
      ...(to.hostname === null ? {} : { hostname: to.hostname }),
      ...(to.port === null ? {} : { port: to.port }),
      ...(path === null ? {} : { path }),
      statusCode: status
    }
  }
}
