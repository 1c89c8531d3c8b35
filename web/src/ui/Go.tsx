/** A link inside the page: opens a view without loading, and behaves as a link in every other way. */
import type { MouseEvent, ReactNode } from "react";
import { go, pathOf, type Route } from "./router.ts";

interface Properties {
  readonly to: Route;
  readonly className: string;
  readonly current: boolean;
  readonly onGo?: () => void;
  readonly label?: string;
  readonly children: ReactNode;
}

/** A link to `to`. */
export function Go({ to, className, current, onGo, label, children }: Properties) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
    onGo?.();
  };
  return (
    <a className={className} href={pathOf(to)} onClick={follow} {...(current ? { "aria-current": "page" as const } : {})} {...(label === undefined ? {} : { "aria-label": label })}>
      {children}
    </a>
  );
}
