import { defineConfig } from "vitest/config"

// Tests mirror src/ and schemas/. The long forms live under test/soak and run by `npm run test:soak` alone, those that need a
// node under test/node and run by `npm run test:node`.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/soak/**", "test/node/**", "node_modules/**"],
    globalSetup: ["test/cluster/shared.setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2
  }
})
