/** The tests of the page against the program itself. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/real/**/*.test.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
