/** Shows a text exactly as it is: nothing hidden, nothing imitating, nothing reordered. */
import type { ReactNode } from "react";
import { oddities, pieces, type Piece } from "./visible.ts";

/** Characters that are at home in prose although they cannot be seen: emoji and script joiners, spaces of typesetters. */
const AT_HOME_IN_PROSE = new Set(["U+0009", "U+00A0", "U+00AD", "U+200C", "U+200D", "U+202F", "U+3000", "U+FE0F", "U+FE0E"]);

function show(piece: Piece, at: number): ReactNode {
  switch (piece.kind) {
    case "plain":
      return piece.text;
    case "hidden":
      return (
        <span key={at} className="odd odd-hidden" title={`${piece.code}, ${piece.name}`}>
          {piece.text === "\t" ? "⇥" : `${piece.code} ${piece.name}`}
        </span>
      );
    case "lookalike":
      return (
        <span key={at} className="odd odd-lookalike" title={`${piece.code}, ${piece.name}`}>
          {piece.text}
          <span className="odd-code">{piece.code}</span>
        </span>
      );
  }
}

/** `text`, byte for byte in its order, in a box of its own or in the line. */
export function Exact({ text, form }: { readonly text: string; readonly form: "block" | "line" }) {
  const shown = pieces(text).map(show);
  const trailing = /[ \t]+$/u.exec(text)?.[0].length ?? 0;
  const note = trailing > 0 ? <span className="odd odd-hidden">{trailing === 1 ? "space at the end" : `${trailing} spaces at the end`}</span> : null;
  if (form === "line") {
    return (
      <code className="exact exact-line" dir="ltr">
        {shown}
        {note}
      </code>
    );
  }
  return (
    <pre className="exact exact-block" dir="ltr" tabIndex={0} aria-label="The exact text">
      <code>
        {shown}
        {note}
      </code>
    </pre>
  );
}

/** A sentence about what `text` holds that is easily missed; nothing when there is none. */
export function OddityNote({ text }: { readonly text: string }) {
  const { hidden, lookalikes, rightToLeft } = oddities(text);
  const parts: string[] = [];
  if (hidden > 0) parts.push(hidden === 1 ? "one character that cannot be seen" : `${hidden} characters that cannot be seen`);
  if (lookalikes > 0) parts.push(lookalikes === 1 ? "one letter that imitates another" : `${lookalikes} letters that imitate others`);
  if (rightToLeft) parts.push("right-to-left letters, shown here in the order of their bytes");
  if (parts.length === 0) return null;
  return (
    <p className="note note-caution" role="note">
      This holds {parts.join(" and ")}.
    </p>
  );
}

/** `text` inside prose: directions and controls are named, what typesetting needs is left alone. */
export function plainProse(text: string): ReactNode {
  const all = pieces(text);
  if (all.every((piece) => piece.kind !== "hidden")) return text;
  return all.map((piece, at) =>
    piece.kind === "hidden" && !AT_HOME_IN_PROSE.has(piece.code) ? show(piece, at) : piece.text,
  );
}
