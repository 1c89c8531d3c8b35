/** Copies a text, and says that it did. */
import { useEffect, useState } from "react";
import { Button } from "react-aria-components";
import { Icon } from "./Icon.tsx";

/** How long "Copied" stands: long enough to be read. */
const COPIED_MILLISECONDS = 2_000;

/** A button that copies `text`; `what` names it for screen readers. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [state, setState] = useState<"ready" | "copied" | "failed">("ready");
  useEffect(() => {
    if (state === "ready") return;
    const timer = setTimeout(() => setState("ready"), COPIED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = () => {
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard here"));
    written.then(() => setState("copied"), () => setState("failed"));
  };
  return (
    <Button className="button button-plain button-small" onPress={copy} aria-label={`Copy the ${what}`}>
      <Icon name={state === "copied" ? "check" : "copy"} size={14} />
      <span aria-live="polite">{state === "copied" ? "Copied" : state === "failed" ? "Select it instead" : "Copy"}</span>
    </Button>
  );
}

/** A command for the terminal, with a button that copies it. */
export function CommandLine({ command }: { readonly command: string }) {
  return (
    <div className="command-line">
      <code>{command}</code>
      <CopyButton text={command} what={`command ${command}`} />
    </div>
  );
}
