/** A sentence of the house. */
import { plainProse } from "../text/Exact.tsx";

/** A sentence whose parts in backticks are shown as code. */
export function Hint({ text }: { readonly text: string }) {
  return text.split(/`([^`]+)`/u).map((part, at) => (at % 2 === 1 ? <code key={at}>{plainProse(part)}</code> : plainProse(part)));
}
