import { expect, it } from "vitest";
import { retryWait } from "./socket.ts";

it("each wait is longer than the one before, up to a bound, and spread", () => {
  const waits = Array.from({ length: 12 }, (_, failures) => retryWait(failures, 0.5));
  expect(waits.slice(0, 6)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000]);
  expect(new Set(waits.slice(6))).toEqual(new Set([15_000]));
  expect(retryWait(0, 0)).toBe(375);
  expect(retryWait(1_000_000, 1)).toBe(18_750);
});
