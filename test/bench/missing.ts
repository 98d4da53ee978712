// Programs that measuring needs and that may not be there.
import { spawnSync } from "node:child_process"

/** Those of the commands that are not there. */
export const missing = (...commands: ReadonlyArray<string>): ReadonlyArray<string> =>
  commands.filter(
    (command) =>
      spawnSync("sh", ["-c", `command -v ${command} || ls /usr/sbin/${command} 2>/dev/null`], { encoding: "utf8" }).stdout.trim() === ""
  )
