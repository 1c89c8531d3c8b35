import { expect, it } from "vitest";
import { pathOf, routeOf, type Route } from "./router.ts";

it("each route has a path that leads back to it", () => {
  const routes: readonly Route[] = [{ view: "new" }, { view: "chat", session: "a-1" }, { view: "approvals" }, { view: "audit" }, { view: "status" }, { view: "nowhere", path: "/nowhere" }];
  for (const route of routes) expect(routeOf(pathOf(route))).toEqual(route);
});

it("the file that holds the page opens the first view", () => {
  for (const path of ["/", "/index.html"]) expect(routeOf(path)).toEqual({ view: "new" });
});

it("what is no path of ours leads nowhere", () => {
  for (const path of ["/s/", "/s/../x", "/s/A", "/s/%2e%2e", "/nowhere", "//evil.example"]) expect(routeOf(path)).toEqual({ view: "nowhere", path });
});
