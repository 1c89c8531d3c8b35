/** The time, for what counts down or grows old on the screen. */
import { useSyncExternalStore } from "react";

interface Ticker {
  now: number;
  readonly every: number;
  readonly watchers: Set<() => void>;
  timer: ReturnType<typeof setInterval> | undefined;
}

const SECOND: Ticker = { now: Date.now(), every: 1_000, watchers: new Set(), timer: undefined };
const MINUTE: Ticker = { now: Date.now(), every: 30_000, watchers: new Set(), timer: undefined };

function watchOf(ticker: Ticker) {
  return (watcher: () => void) => {
    ticker.watchers.add(watcher);
    ticker.now = Date.now();
    ticker.timer ??= setInterval(() => {
      ticker.now = Date.now();
      for (const each of ticker.watchers) each();
    }, ticker.every);
    return () => {
      ticker.watchers.delete(watcher);
      if (ticker.watchers.size > 0) return;
      clearInterval(ticker.timer);
      ticker.timer = undefined;
    };
  };
}

const watchSecond = watchOf(SECOND);
const watchMinute = watchOf(MINUTE);

/** The time to the second; what uses it is drawn again every second. */
export function useSecond(): number {
  return useSyncExternalStore(watchSecond, () => SECOND.now);
}

/** The time, good enough for "4 min ago". */
export function useMinute(): number {
  return useSyncExternalStore(watchMinute, () => MINUTE.now);
}
