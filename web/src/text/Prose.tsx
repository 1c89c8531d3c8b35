/** Shows Markdown as elements of a fixed set: no HTML, no pictures from elsewhere, no link that hides where it leads. */
import type { Definition, Nodes, Root, RootContent, Table } from "mdast";
import { memo, type ReactNode } from "react";
import type { Integrity } from "../wire/schema.ts";
import { plainProse } from "./Exact.tsx";
import { Link } from "./Link.tsx";
import { destination } from "./links.ts";
import { parseMarkdown } from "./markdown.ts";

interface Context {
  readonly integrity: Integrity;
  readonly definitions: ReadonlyMap<string, Definition>;
}

/** `text`, read as Markdown. `integrity` says whether its links may be followed at once. */
export const Prose = memo(function Prose({ text, integrity }: { readonly text: string; readonly integrity: Integrity }) {
  const tree = parseMarkdown(text);
  if (tree === undefined) return <div className="prose prose-raw">{plainProse(text)}</div>;
  const context = { integrity, definitions: definitionsOf(tree) };
  return (
    <div className="prose" dir="auto">
      {many(tree.children, context)}
    </div>
  );
});

function definitionsOf(tree: Root): ReadonlyMap<string, Definition> {
  const found = new Map<string, Definition>();
  const visit = (node: Nodes) => {
    if (node.type === "definition" && !found.has(node.identifier)) found.set(node.identifier, node);
    if ("children" in node) for (const child of node.children) visit(child);
  };
  visit(tree);
  return found;
}

function many(nodes: readonly RootContent[], context: Context): ReactNode[] {
  return nodes.map((node, at) => <Node key={at} node={node} context={context} />);
}

function Node({ node, context }: { readonly node: RootContent; readonly context: Context }): ReactNode {
  switch (node.type) {
    case "text":
      return plainProse(node.value);
    case "paragraph":
      return <p>{many(node.children, context)}</p>;
    case "emphasis":
      return <em>{many(node.children, context)}</em>;
    case "strong":
      return <strong>{many(node.children, context)}</strong>;
    case "delete":
      return <del>{many(node.children, context)}</del>;
    case "inlineCode":
      return <code>{plainProse(node.value)}</code>;
    case "code":
      return (
        <pre className={isListing(node.lang) ? "prose-listing" : undefined} tabIndex={0} aria-label={node.lang ? `Code, ${node.lang}` : "Code"}>
          <code>{plainProse(node.value)}</code>
        </pre>
      );
    case "break":
      return <br />;
    case "thematicBreak":
      return <hr />;
    case "blockquote":
      return <blockquote>{many(node.children, context)}</blockquote>;
    case "heading":
      // The page's own headings come first; those of a reply stand below them.
      return <p className={`prose-heading prose-heading-${Math.min(node.depth, 4)}`} role="heading" aria-level={Math.min(node.depth + 2, 6)}>{many(node.children, context)}</p>;
    case "list":
      return node.ordered === true ? (
        <ol start={node.start ?? 1}>{many(node.children, context)}</ol>
      ) : (
        <ul>{many(node.children, context)}</ul>
      );
    case "listItem":
      return (
        <li className={typeof node.checked === "boolean" ? "prose-task" : undefined}>
          {typeof node.checked === "boolean" ? <span className="prose-check">{node.checked ? "☑" : "☐"}</span> : null}
          {many(node.children, context)}
        </li>
      );
    case "table":
      return <ProseTable node={node} context={context} />;
    case "link":
      return <Link target={node.url} integrity={context.integrity}>{many(node.children, context)}</Link>;
    case "linkReference":
      return <Link target={context.definitions.get(node.identifier)?.url ?? ""} integrity={context.integrity}>{many(node.children, context)}</Link>;
    case "image":
      return <Picture alt={node.alt ?? ""} target={node.url} />;
    case "imageReference":
      return <Picture alt={node.alt ?? ""} target={context.definitions.get(node.identifier)?.url ?? ""} />;
    case "html":
      return <code className="prose-markup">{plainProse(node.value)}</code>;
    case "definition":
    case "footnoteDefinition":
    case "footnoteReference":
    case "yaml":
      return null;
    case "tableRow":
    case "tableCell":
      return many(node.children, context);
  }
}

/** What a command of the house prints, or a model without saying what language it is. */
function isListing(language: string | null | undefined): boolean {
  return language === null || language === undefined || language === "text";
}

function ProseTable({ node, context }: { readonly node: Table; readonly context: Context }) {
  const [head, ...rows] = node.children;
  return (
    <div className="prose-table" tabIndex={0} role="group" aria-label="Table">
      <table>
        <thead>
          <tr>{head?.children.map((cell, at) => <th key={at} scope="col">{many(cell.children, context)}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>{row.children.map((cell, place) => <td key={place}>{many(cell.children, context)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Stands where a picture would: loading it would tell its host that this text was read. */
function Picture({ alt, target }: { readonly alt: string; readonly target: string }) {
  const where = destination(target);
  const from = where.kind === "web" ? ` from ${where.host}` : "";
  return (
    <span className="prose-picture" title="Pictures are not loaded: that would tell their host that you read this.">
      Picture{from}, not loaded{alt === "" ? "" : ": "}
      {plainProse(alt)}
    </span>
  );
}
