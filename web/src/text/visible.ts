/**
 * Makes text that somebody else chose safe to look at: what cannot be seen is named, what imitates another letter is
 * marked. Used wherever the reader must judge exactly what is written.
 */

/** A run of text as it is to be shown. */
export type Piece =
  | { readonly kind: "plain"; readonly text: string }
  /** A character that cannot be seen, or that changes how its neighbours are shown. */
  | { readonly kind: "hidden"; readonly text: string; readonly code: string; readonly name: string }
  /** A letter of another script inside a word of this one. */
  | { readonly kind: "lookalike"; readonly text: string; readonly code: string; readonly name: string };

/** What a text holds that a reader could miss. */
export interface Oddities {
  readonly hidden: number;
  readonly lookalikes: number;
  readonly rightToLeft: boolean;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [0x00, "null"],
  [0x07, "bell"],
  [0x08, "backspace"],
  [0x09, "tab"],
  [0x0b, "vertical tab"],
  [0x0c, "form feed"],
  [0x0d, "carriage return"],
  [0x1b, "escape"],
  [0x7f, "delete"],
  [0x85, "next line"],
  [0xa0, "no-break space"],
  [0xad, "soft hyphen"],
  [0x034f, "grapheme joiner"],
  [0x061c, "arabic letter mark"],
  [0x115f, "hangul filler"],
  [0x1160, "hangul filler"],
  [0x180e, "vowel separator"],
  [0x200b, "zero-width space"],
  [0x200c, "zero-width non-joiner"],
  [0x200d, "zero-width joiner"],
  [0x200e, "left-to-right mark"],
  [0x200f, "right-to-left mark"],
  [0x2028, "line separator"],
  [0x2029, "paragraph separator"],
  [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"],
  [0x202c, "end of direction"],
  [0x202d, "left-to-right override"],
  [0x202e, "right-to-left override"],
  [0x2060, "word joiner"],
  [0x2066, "left-to-right isolate"],
  [0x2067, "right-to-left isolate"],
  [0x2068, "first-strong isolate"],
  [0x2069, "end of isolate"],
  [0x2800, "braille blank"],
  [0x3000, "wide space"],
  [0x3164, "hangul filler"],
  [0xfeff, "zero-width no-break space"],
  [0xffa0, "hangul filler"],
  [0xfffc, "object replacement"],
]);

// Single characters are looked up, so that marks in the class join nothing.
// oxlint-disable no-misleading-character-class
/** Controls, formats, separators, private use, lone surrogates, fillers, variation selectors and tag characters. */
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\u00a0\u034f\u115f\u1160\u1680\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
// oxlint-enable no-misleading-character-class
const SCRIPTS = [
  ["Latin", /\p{Script=Latin}/u],
  ["Cyrillic", /\p{Script=Cyrillic}/u],
  ["Greek", /\p{Script=Greek}/u],
  ["Armenian", /\p{Script=Armenian}/u],
  ["Cherokee", /\p{Script=Cherokee}/u],
] as const;
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const WIDE_LATIN = /[\uff01-\uff5e\u{1d400}-\u{1d7ff}\u2100-\u214f]/u;

/** `U+202E` for the first character of `text`. */
export function codePoint(text: string): string {
  return `U+${(text.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Splits `text` into what is plain and what must be pointed out. Line feeds stay plain: they are shown as lines. */
export function pieces(text: string): readonly Piece[] {
  const found: Piece[] = [];
  let plain = "";
  const flush = () => {
    if (plain !== "") found.push({ kind: "plain", text: plain });
    plain = "";
  };
  for (const word of words(text)) {
    const home = homeScript(word);
    for (const character of word) {
      const odd = oddity(character, home);
      if (odd === undefined) {
        plain += character;
      } else {
        flush();
        found.push(odd);
      }
    }
  }
  flush();
  return found;
}

/** What a reader of `text` could miss. */
export function oddities(text: string): Oddities {
  const all = pieces(text);
  return {
    hidden: all.filter((piece) => piece.kind === "hidden" && piece.text !== "\t").length,
    lookalikes: all.filter((piece) => piece.kind === "lookalike").length,
    rightToLeft: RIGHT_TO_LEFT.test(text),
  };
}

/** One line of plain text with nothing hidden in it, for names, titles and announcements. */
export function oneLine(text: string): string {
  return pieces(text.replaceAll(/\s*\n\s*/gu, " "))
    .map((piece) => (piece.kind === "hidden" ? `⟨${piece.code}⟩` : piece.text))
    .join("");
}

/** How long a word is compared as a whole; longer runs are compared part by part. */
const WORD_CHARACTERS_MAX = 256;

function words(text: string): readonly string[] {
  return text.match(new RegExp(`[\\p{L}\\p{M}]{1,${WORD_CHARACTERS_MAX}}|[^\\p{L}\\p{M}]+`, "gu")) ?? [];
}

/** The script that most letters of a word belong to, when it mixes alphabets that look alike. */
function homeScript(word: string): string | undefined {
  const counts = SCRIPTS.map(([name, test]) => ({ name, count: Array.from(word).filter((c) => test.test(c)).length }));
  const present = counts.filter((entry) => entry.count > 0);
  if (present.length < 2) return undefined;
  return present.reduce((best, entry) => (entry.count > best.count ? entry : best)).name;
}

function oddity(character: string, home: string | undefined): Piece | undefined {
  const code = codePoint(character);
  if (character !== "\n" && HIDDEN.test(character)) {
    return { kind: "hidden", text: character, code, name: hiddenName(character) };
  }
  if (WIDE_LATIN.test(character)) return { kind: "lookalike", text: character, code, name: "styled form of a plain letter" };
  if (home === undefined) return undefined;
  const script = SCRIPTS.find(([, test]) => test.test(character))?.[0];
  if (script === undefined || script === home) return undefined;
  return { kind: "lookalike", text: character, code, name: `${script} letter` };
}

function hiddenName(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const known = NAMES.get(code);
  if (known !== undefined) return known;
  if (code < 0x20 || (code >= 0x80 && code < 0xa0)) return "control character";
  if (code >= 0xe0000 && code <= 0xe007f) return "tag character";
  if ((code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xe0100 && code <= 0xe01ef)) return "variation selector";
  if (code >= 0x2000 && code <= 0x205f) return "unusual space";
  return "invisible character";
}
