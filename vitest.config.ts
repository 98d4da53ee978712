import { defineConfig } from "vitest/config"

// Tests mirror src/ and schemas/. The long forms live under test/soak and run by `npm run test:soak` alone.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/soak/**", "node_modules/**"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2
  }
})
