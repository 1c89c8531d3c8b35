import { expect, it } from "vitest";
import { defanged, destination } from "./links.ts";

it("only http and https are ever opened", () => {
  const never = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://example.org/1",
    "/api/v1/sign-out",
    "//evil.example/x",
    "#/approvals",
    "",
    "mailto:a@example.org",
    "https://example.org@evil.example/",
    "https://user:secret@example.org/",
  ];
  for (const target of never) expect(destination(target).kind, target).toBe("shown");
});

it("a web link says its real host", () => {
  expect(destination("https://EXAMPLE.org:8443/a?b#c")).toEqual({
    kind: "web",
    url: "https://example.org:8443/a?b#c",
    host: "example.org:8443",
  });
  // A homograph is shown in the form that is looked up.
  expect(destination("https://p\u0430ypal.com/")).toMatchObject({ host: "xn--pypal-4ve.com" });
});

it("a defanged link reads as itself and leads nowhere", () => {
  expect(defanged("https://evil.example/?q=1.5")).toBe("https[:]//evil[.]example/?q=1[.]5");
});
