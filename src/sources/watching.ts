// When to read again: folders watched, and polled where watching cannot be had or is blind (network and shared file systems).
import { type FSWatcher, watch } from "node:fs"
import { statfs } from "node:fs/promises"
import type { Folders } from "./reading.ts"

/** File systems whose changes made elsewhere raise no event here: NFS, SMB, CIFS, SMB2, FUSE, 9P, VirtualBox, Ceph. */
const blind = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x786f4256, 0x00c36400])

export interface Watching {
  /** Watches exactly these folders from now on. True: some are new, and what happened in them since they were read was seen by nobody. */
  readonly set: (folders: Folders) => boolean
  readonly close: () => void
}

/**
 * Calls `onChange` once things are quiet again: 50 ms after the last event, at most 500 ms after the first, so that an editor's
 * truncate-write-rename and a ConfigMap's swap of links are one change. It may call without a change; the reader compares content.
 */
export const makeWatching = (onChange: () => void, quiet = 50, ceiling = 500, poll = 1_000): Watching => {
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>()
  const polled = new Map<string, string>()
  let poller: NodeJS.Timeout | null = null
  let timer: NodeJS.Timeout | null = null
  let first = 0
  let closed = false

  const stir = () => {
    if (closed) return
    const now = performance.now()
    if (timer === null) first = now
    else clearTimeout(timer)
    timer = setTimeout(
      () => {
        timer = null
        onChange()
      },
      Math.max(0, Math.min(quiet, first + ceiling - now))
    )
  }
  const repoll = () => {
    if (polled.size > 0 && poller === null) poller = setInterval(onChange, poll)
    if (polled.size === 0 && poller !== null) {
      clearInterval(poller)
      poller = null
    }
  }
  const fallBack = (folder: string, identity: string) => {
    watchers.get(folder)?.watcher.close()
    watchers.delete(folder)
    if (closed) return
    polled.set(folder, identity)
    repoll()
  }
  const open = (folder: string, identity: string) => {
    try {
      const watcher = watch(folder, { persistent: false }, stir)
      // Also when the folder itself is removed; the next reading says whether it is back.
      watcher.on("error", () => {
        fallBack(folder, identity)
        stir()
      })
      watchers.set(folder, { watcher, identity })
    } catch {
      // Too many watches (ENOSPC, EMFILE), or not there at present (ENOENT).
      fallBack(folder, identity)
    }
    statfs(folder).then(
      (found) => {
        if (blind.has(Number(found.type) >>> 0) && watchers.has(folder)) fallBack(folder, identity)
      },
      () => {}
    )
  }
  return {
    set: (folders) => {
      for (const [folder, { watcher, identity }] of watchers) {
        if (folders.get(folder) === identity) continue
        watcher.close()
        watchers.delete(folder)
      }
      for (const [folder, identity] of polled) if (folders.get(folder) !== identity) polled.delete(folder)
      let opened = false
      for (const [folder, identity] of folders) {
        if (watchers.has(folder) || polled.has(folder)) continue
        open(folder, identity)
        opened = true
      }
      repoll()
      return opened
    },
    close: () => {
      closed = true
      for (const { watcher } of watchers.values()) watcher.close()
      watchers.clear()
      polled.clear()
      repoll()
      if (timer !== null) clearTimeout(timer)
    }
  }
}
