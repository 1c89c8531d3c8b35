import { describe, expect, it } from "vitest";
import { oddities, oneLine, pieces } from "./visible.ts";

describe("what cannot be seen is named", () => {
  const rows: readonly [string, string, string][] = [
    ["a right-to-left override", "invoice\u202Efdp.exe", "right-to-left override"],
    ["a zero-width space", "pay\u200Bpal", "zero-width space"],
    ["an escape sequence", "\u001B[2Krm", "escape"],
    ["a carriage return that overwrites the line", "rm -rf /\recho hi", "carriage return"],
    ["a tag character", "hi\u{E0041}", "tag character"],
    ["a variation selector", "a\uFE0F", "variation selector"],
    ["a no-break space", "a\u00A0b", "no-break space"],
    ["a hangul filler", "a\u3164", "hangul filler"],
    ["a lone surrogate", "a\uD800", "invisible character"],
  ];
  it.each(rows)("%s", (_, text, name) => {
    const hidden = pieces(text).filter((piece) => piece.kind === "hidden");
    expect(hidden.map((piece) => piece.name)).toEqual([name]);
  });

  it("plain text of any language is left alone", () => {
    for (const text of ["ls -l | wc", "Grüße aus Köln", "привет мир", "日本語のテキスト", "line\nline", "naïve 🐚"]) {
      expect(pieces(text)).toEqual([{ kind: "plain", text }]);
    }
  });

  it("nothing is lost: the pieces together are the text", () => {
    const text = "a\u202Eb\u0000 p\u0430ypal \n ｅvil";
    expect(pieces(text).map((piece) => piece.text).join("")).toBe(text);
  });
});

describe("letters that imitate others are marked", () => {
  it("a Cyrillic letter in a Latin word", () => {
    expect(pieces("p\u0430ypal.com").filter((piece) => piece.kind === "lookalike")).toEqual([
      { kind: "lookalike", text: "\u0430", code: "U+0430", name: "Cyrillic letter" },
    ]);
  });

  it("wide and mathematical letters", () => {
    expect(oddities("ｒm 𝐫𝐦").lookalikes).toBe(3);
  });

  it("right-to-left letters are told, since they move their neighbours", () => {
    expect(oddities("rm א 1").rightToLeft).toBe(true);
    expect(oddities("rm a 1").rightToLeft).toBe(false);
  });
});

it("one line holds no line break and nothing hidden", () => {
  expect(oneLine("Re: hello\n\u202Eworld")).toBe("Re: hello ⟨U+202E⟩world");
});
