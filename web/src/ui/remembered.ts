/** Small choices that this browser remembers. One that keeps nothing holds them for the page. */
import { useSyncExternalStore } from "react";

/** A choice among a few words. */
export interface Remembered<T extends string> {
  readonly current: () => T;
  readonly set: (value: T) => void;
  readonly watch: (watcher: () => void) => () => void;
}

/** The choice kept under `key`; the first of `values` when nothing was chosen. */
export function remembered<const T extends string>(key: string, values: readonly [T, ...T[]]): Remembered<T> {
  const watchers = new Set<() => void>();
  let held: T | undefined;
  const current = (): T => {
    if (held !== undefined) return held;
    try {
      const stored = window.localStorage.getItem(key);
      held = values.find((value) => value === stored);
    } catch {
      // No storage here.
    }
    held ??= values[0];
    return held;
  };
  const set = (value: T): void => {
    held = value;
    try {
      window.localStorage.setItem(key, value);
    } catch {
      // It holds for this page then.
    }
    for (const watcher of watchers) watcher();
  };
  const watch = (watcher: () => void): (() => void) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  };
  return { current, set, watch };
}

/** The choice, followed as it changes. */
export function useRemembered<T extends string>(choice: Remembered<T>): T {
  return useSyncExternalStore(choice.watch, choice.current);
}
