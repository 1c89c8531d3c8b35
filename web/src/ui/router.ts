/** Which view is open, kept in the address so that a reload and the back button work. */
import { useSyncExternalStore } from "react";

export type Route =
  | { readonly view: "new" }
  | { readonly view: "chat"; readonly session: string }
  | { readonly view: "approvals" }
  | { readonly view: "audit" }
  | { readonly view: "status" }
  /** Nothing of ours: a mistyped address, an old bookmark. */
  | { readonly view: "nowhere"; readonly path: string };

/** The path of `route`. */
export function pathOf(route: Route): string {
  switch (route.view) {
    case "new":
      return "/";
    case "chat":
      return `/s/${encodeURIComponent(route.session)}`;
    case "approvals":
    case "audit":
    case "status":
      return `/${route.view}`;
    case "nowhere":
      return route.path;
  }
}

/** The route that `path` names; what is not known is told apart, so that the page can say so. */
export function routeOf(path: string): Route {
  const session = /^\/s\/([a-z0-9][a-z0-9-]{0,63})\/?$/u.exec(path)?.[1];
  if (session !== undefined) return { view: "chat", session };
  switch (path.replace(/\/$/u, "")) {
    case "/approvals":
      return { view: "approvals" };
    case "/audit":
      return { view: "audit" };
    case "/status":
      return { view: "status" };
    case "":
    case "/index.html":
      return { view: "new" };
    default:
      return { view: "nowhere", path };
  }
}

const watchers = new Set<() => void>();

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  window.addEventListener("popstate", watcher);
  return () => {
    watchers.delete(watcher);
    window.removeEventListener("popstate", watcher);
  };
}

/** What the reader was doing when a view opened: it decides where the focus goes. */
export type Arrival = "reading" | "writing";

/** Opens `route`. */
export function go(route: Route, arrival: Arrival = "reading"): void {
  if (pathOf(route) !== window.location.pathname) window.history.pushState({ arrival }, "", pathOf(route));
  for (const watcher of watchers) watcher();
}

/** How the open view was reached. */
export function arrival(): Arrival {
  const state: unknown = window.history.state;
  return typeof state === "object" && state !== null && "arrival" in state && state.arrival === "writing" ? "writing" : "reading";
}

/** The open route. */
export function useRoute(): Route {
  return routeOf(useSyncExternalStore(watch, () => window.location.pathname));
}
