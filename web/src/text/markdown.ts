/** Reads the Markdown that a model wrote. The result is a tree of words; no HTML is ever made from it. */
import type { Nodes, Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmAutolinkLiteralFromMarkdown } from "mdast-util-gfm-autolink-literal";
import { gfmStrikethroughFromMarkdown } from "mdast-util-gfm-strikethrough";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmTaskListItemFromMarkdown } from "mdast-util-gfm-task-list-item";
import { gfmAutolinkLiteral } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough } from "micromark-extension-gfm-strikethrough";
import { gfmTable } from "micromark-extension-gfm-table";
import { gfmTaskListItem } from "micromark-extension-gfm-task-list-item";

/** Longer text is shown as it is, in characters: parsing it would hold up the page. */
const MARKDOWN_CHARACTERS_MAX = 60_000;
/** Deeper nesting is shown as it is: each level is a level of the page's own tree. */
const NESTING_MAX = 24;
/** Marks that could open a level, at the start of one line; more of them are no prose. */
const OPENING_MARKS = new RegExp(`^(?:[ \\t]*(?:>|[-+*][ \\t]|\\d{1,9}[.)][ \\t])){${NESTING_MAX + 1},}`, "mu");
/** An indent that only a list far deeper than that has. */
const DEEP_INDENT = /^[ \t]{80,}(?:[-+*>]|\d+[.)])/mu;
/** How often each mark may stand in a text: beyond it the parser's time, or the page's size, is no longer that of prose. */
const MARKS_MAX: readonly (readonly [RegExp, number])[] = [
  [/[[\]*_~<]/gu, 2_000],
  [/`/gu, 1_500],
  [/\|/gu, 4_000],
  [/www\.|:\/\/|\]\(|@/gu, 300],
];

/** The tree of `text`, or nothing when it is too long or too deep to be prose. */
export function parseMarkdown(text: string): Root | undefined {
  if (text.length > MARKDOWN_CHARACTERS_MAX || OPENING_MARKS.test(text) || DEEP_INDENT.test(text)) return undefined;
  if (MARKS_MAX.some(([mark, most]) => (text.match(mark)?.length ?? 0) > most)) return undefined;
  const tree = fromMarkdown(text, {
    extensions: [gfmTable(), gfmStrikethrough(), gfmAutolinkLiteral(), gfmTaskListItem()],
    mdastExtensions: [
      gfmTableFromMarkdown(),
      gfmStrikethroughFromMarkdown(),
      gfmAutolinkLiteralFromMarkdown(),
      gfmTaskListItemFromMarkdown(),
    ],
  });
  return isShallow(tree) ? tree : undefined;
}

function isShallow(root: Root): boolean {
  let level: readonly Nodes[] = [root];
  for (let depth = 0; depth <= NESTING_MAX; depth += 1) {
    level = level.flatMap((node): Nodes[] => ("children" in node ? node.children : []));
    if (level.length === 0) return true;
  }
  return false;
}

/** The words of `text` without their marks, at most `characters_max` of them: for announcements and titles. */
export function plainWords(text: string, charactersMax: number): string {
  const tree = parseMarkdown(text);
  const words = (tree === undefined ? text : textOf(tree)).replaceAll(/\s+/gu, " ").trim();
  return words.length <= charactersMax ? words : `${words.slice(0, charactersMax)}…`;
}

function textOf(node: Nodes): string {
  if ("value" in node) return node.value;
  if (node.type === "image" || node.type === "imageReference") return node.alt ?? "";
  if (!("children" in node)) return " ";
  const inline = node.type === "paragraph" || node.type === "heading" || node.type === "tableCell";
  return node.children.map(textOf).join(inline ? "" : " ");
}
