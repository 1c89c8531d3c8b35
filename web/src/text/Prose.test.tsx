import type { Nodes } from "mdast";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { Prose } from "./Prose.tsx";
import { parseMarkdown, plainWords } from "./markdown.ts";
import { ATTACKS } from "../../tests/fake/attacks.ts";

const render = (text: string) => renderToStaticMarkup(<Prose text={text} integrity="untrusted" />);
const renderTrusted = (text: string) => renderToStaticMarkup(<Prose text={text} integrity="trusted" />);

/** All that prose may be made of. */
const TAGS = new Set(["div", "p", "em", "strong", "del", "code", "pre", "br", "hr", "blockquote", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "span", "a", "button"]);
const ATTRIBUTES = new Set(["class", "dir", "title", "role", "aria-level", "aria-label", "tabindex", "start", "scope", "href", "target", "rel", "type", "id", "data-rac", "data-react-aria-pressable", "aria-expanded", "aria-haspopup", "style"]);

function check(html: string, from: string): void {
  for (const [, tag, rest] of html.matchAll(/<\/?([a-z0-9]+)((?:\s+[^\s=>]+(?:="[^"]*")?)*)\s*\/?>/gu)) {
    expect(TAGS, `${from} made <${tag ?? ""}>`).toContain(tag);
    for (const [, name, value] of (rest ?? "").matchAll(/\s([^\s=>]+)(?:="([^"]*)")?/gu)) {
      expect(ATTRIBUTES, `${from} made ${name ?? ""}=`).toContain(name);
      if (name === "href") expect(value, from).toMatch(/^https?:\/\//u);
    }
  }
  // Whatever is left of a tag's beginning is text.
  expect(html.replaceAll(/<\/?[a-z0-9]+(?:\s+[^\s=>]+(?:="[^"]*")?)*\s*\/?>/gu, "")).not.toContain("<");
}

describe("no Markdown becomes anything but words", () => {
  it.each(ATTACKS)("%s", (attack) => {
    check(render(attack), attack);
    check(renderTrusted(attack), attack);
    // Before a link of untrusted text is opened it is shown: there is none in the page to click by mistake.
    expect(render(attack)).not.toMatch(/<[^>]+ href=/u);
  });

  it("raw HTML is shown as it was written", () => {
    expect(render("a <b onclick=alert(1)>b</b>")).toContain("&lt;b onclick=alert(1)&gt;");
  });

  it("a picture is named, not loaded", () => {
    const html = render("![the cat](https://evil.example/cat.png?u=anna)");
    expect(html).not.toContain("<img");
    expect(html).toContain("Picture from evil.example, not loaded: the cat");
  });

  it("a trusted link says its host and leaks nothing to it", () => {
    expect(renderTrusted("[the bank](https://evil.example/)")).toContain(
      '<a class="link" href="https://evil.example/" target="_blank" rel="noopener noreferrer nofollow">the bank<span class="link-host">evil.example</span></a>',
    );
  });

  it("an untrusted link is shown defanged", () => {
    expect(render("[https://bank.example](https://evil.example/)")).toContain("evil[.]example");
  });

  it("a direction override in prose is named", () => {
    expect(render("safe \u202Etxt.exe")).toContain("right-to-left override");
  });
});

describe("ordinary Markdown", () => {
  it("tables, lists, tasks, code, emphasis", () => {
    const html = render("# Title\n\n| a | b |\n|---|---|\n| 1 | *2* |\n\n- [x] done\n- [ ] open\n\n1. one\n\n```sh\nls -l\n```\n\n~~no~~ **yes**");
    for (const part of ['role="heading" aria-level="3"', "<th scope=\"col\">a</th>", "<em>2</em>", "☑", "☐", "<ol start=\"1\">", "<code>ls -l</code>", "<del>no</del>", "<strong>yes</strong>"]) {
      expect(html).toContain(part);
    }
  });

  it("plain words have no marks", () => {
    expect(plainWords("**Invoice** [x](https://a.example)\n\n- one\n- two", 100)).toBe("Invoice x one two");
    expect(plainWords("a".repeat(50), 10)).toBe(`${"a".repeat(10)}…`);
  });
});

describe("a text that would hold up the page is shown as it is", () => {
  const rows: readonly [string, string][] = [
    ["too long", "a ".repeat(40_000)],
    ["quotes in quotes", `${">".repeat(5_000)} x`],
    ["lists in lists", `${"- ".repeat(5_000)} x`],
    ["deep by lines", Array.from({ length: 200 }, (_, at) => `${"  ".repeat(at)}- x`).join("\n")],
    ["brackets", "[".repeat(50_000)],
    ["emphasis", "*a_ ".repeat(10_000)],
    ["links in links", "[a](".repeat(10_000)],
    ["backticks", Array.from({ length: 300 }, (_, at) => "`".repeat(at)).join(" ")],
    ["autolinks", "www.a.b ".repeat(5_000)],
    ["tables", `|${"a|".repeat(2_000)}\n|${"-|".repeat(2_000)}\n|${"b|".repeat(2_000)}`],
  ];
  it.each(rows)("%s", (_, text) => {
    expect(render(text)).toMatch(/^<div class="prose prose-raw">/u);
  });

  it("nesting is bounded", () => {
    const depth = (node: Nodes): number => 1 + ("children" in node ? Math.max(0, ...node.children.map(depth)) : 0);
    const tree = parseMarkdown(`${"> ".repeat(10)}x`);
    expect(tree === undefined ? 0 : depth(tree)).toBeLessThan(30);
    expect(parseMarkdown(`${"> ".repeat(30)}x`)).toBeUndefined();
  });
});
