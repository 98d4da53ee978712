import { defineConfig } from "vitest/config"

// Tests mirror src/ and schemas/. The long forms live under test/soak and run by `npm run test:soak` alone, those that need a
// node under test/node and run by `npm run test:node`.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/soak/**", "test/node/**", "node_modules/**"],
    globalSetup: ["test/cluster/shared.setup.ts"],
    // Above the bounds of the waits inside (60 s), so that a wait that fails says what it waited for; a machine that stalls fails none.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    pool: "forks",
    maxWorkers: 2
  }
})
