/** The frame of every view but the chat. */
import { useEffect, useRef, type ReactNode } from "react";

/** A view with a title that takes the focus when it opens, and a sentence about what it is. */
export function Page({ title, lead, children }: { readonly title: string; readonly lead: string; readonly children: ReactNode }) {
  const heading = useFocusOnOpen<HTMLHeadingElement>();
  return (
    <div className="page">
      <div className="page-body">
        <header className="page-head">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          <p>{lead}</p>
        </header>
        {children}
      </div>
    </div>
  );
}

/** Puts the focus on what the returned reference holds, once, so that a screen reader starts there. */
export function useFocusOnOpen<E extends HTMLElement>() {
  const target = useRef<E>(null);
  useEffect(() => target.current?.focus({ preventScroll: true }), []);
  return target;
}
