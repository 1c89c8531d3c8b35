import { expect, it } from "vitest";
import { pathOf, routeOf, type Route } from "./router.ts";

it("each route has a path that leads back to it", () => {
  const routes: readonly Route[] = [{ view: "new" }, { view: "chat", session: "a-1" }, { view: "approvals" }, { view: "audit" }, { view: "status" }];
  for (const route of routes) expect(routeOf(pathOf(route))).toEqual(route);
});

it("what is no path of ours opens the first view", () => {
  for (const path of ["/s/", "/s/../x", "/s/A", "/s/%2e%2e", "/nowhere", "//evil.example"]) expect(routeOf(path)).toEqual({ view: "new" });
});
