/** Light, dark, or as the system says. */
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "hardshell.theme";
const watchers = new Set<() => void>();

function stored(): Theme {
  try {
    const value = window.localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    // A browser that keeps nothing follows the system.
    return "system";
  }
}

let theme: Theme = "system";

function show(next: Theme): void {
  theme = next;
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
}

/** Shows the theme that was chosen before. */
export function startTheme(): void {
  show(stored());
}

/** Changes the theme and remembers it. */
export function setTheme(next: Theme): void {
  show(next);
  try {
    if (next === "system") window.localStorage.removeItem(KEY);
    else window.localStorage.setItem(KEY, next);
  } catch {
    // It holds for this page then.
  }
  for (const watcher of watchers) watcher();
}

/** The theme in use. */
export function useTheme(): Theme {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => theme,
  );
}
