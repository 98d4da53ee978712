// An upstream and the one origin behind it, opened and closed together.
import { at, type LiveOptions, liveUpstream } from "../support/live.ts"
import { type Script, startOrigin } from "../support/origin.ts"

export const withOrigin = async (script: Script, options: Partial<LiveOptions> = {}) => {
  const origin = await startOrigin({ script })
  const upstream = await liveUpstream({ endpoints: [at(origin.port)], ...options })
  return {
    origin,
    upstream,
    async [Symbol.asyncDispose]() {
      await upstream.close()
      await origin.close()
    }
  }
}
