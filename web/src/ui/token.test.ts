import { expect, it } from "vitest";
import { tokenOf } from "./token.ts";

it("a token is read from a link, a fragment or by itself", () => {
  const token = "abcDEF0123456789_-~.";
  for (const text of [token, ` ${token}\n`, `#token=${token}`, `http://127.0.0.1:18789/#token=${token}`]) expect(tokenOf(text)).toBe(token);
});

it("what is no token is not sent anywhere", () => {
  for (const text of ["", "short", "#token=", "http://127.0.0.1:18789/", "a b c d e f g h i j k l m n", `x${"y".repeat(600)}`, "#token=<script>alert(1)</script>"]) {
    expect(tokenOf(text), text).toBeUndefined();
  }
});
