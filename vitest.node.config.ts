import { defineConfig } from "vitest/config"

// The tests that need a real node: one cluster for all of them, one file at a time. `npm run test:node` makes the namespaces they run in.
export default defineConfig({
  test: {
    include: ["test/node/**/*.test.ts"],
    globalSetup: ["test/node/node.setup.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: "forks",
    maxWorkers: 1
  }
})
