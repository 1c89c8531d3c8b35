/** What audit records say in words, and whether they follow one another. */
import type { AuditRecord, Rule } from "../wire/schema.ts";
import type { Tone } from "../words.ts";
import { toolWords } from "../words.ts";
import type { IconName } from "../ui/Icon.tsx";

/** How the records that the page holds are chained. */
export type Chain =
  | { readonly kind: "empty" }
  /** Every record names the hash of the one before it. */
  | { readonly kind: "whole"; readonly links: number; readonly from: number; readonly to: number }
  /** The log gives no `prev`: nothing can be compared here. */
  | { readonly kind: "unchecked" }
  | { readonly kind: "gap"; readonly after: number; readonly next: number }
  | { readonly kind: "broken"; readonly at: number };

/** Compares each record's `prev` with the `hash` before it. The worst that is found counts. */
export function chainOf(records: readonly AuditRecord[]): Chain {
  const first = records[0];
  const last = records.at(-1);
  if (first === undefined || last === undefined) return { kind: "empty" };
  let gap: Chain | undefined;
  let unchecked = false;
  for (const [at, record] of records.entries()) {
    const before = records[at - 1];
    if (before === undefined) continue;
    if (record.seq !== before.seq + 1) gap ??= { kind: "gap", after: before.seq, next: record.seq };
    else if (record.prev === undefined) unchecked = true;
    else if (record.prev !== before.hash) return { kind: "broken", at: record.seq };
  }
  if (gap !== undefined) return gap;
  return unchecked ? { kind: "unchecked" } : { kind: "whole", links: records.length - 1, from: first.seq, to: last.seq };
}

/** The kinds of records, in the order in which they are offered as filters. */
export const KINDS: readonly { readonly kind: string; readonly word: string; readonly tone: Tone; readonly icon: IconName }[] = [
  { kind: "intent", word: "Intent", tone: "info", icon: "right" },
  { kind: "outcome", word: "Outcome", tone: "good", icon: "check" },
  { kind: "refusal", word: "Refusal", tone: "danger", icon: "refused" },
  { kind: "question", word: "Question", tone: "ask", icon: "asked" },
  { kind: "answer", word: "Answer", tone: "ask", icon: "person" },
  { kind: "inbound", word: "Message in", tone: "plain", icon: "chat" },
  { kind: "connection", word: "Connection", tone: "plain", icon: "globe" },
  { kind: "sign_in", word: "Sign-in", tone: "plain", icon: "leave" },
  { kind: "proof", word: "Proof", tone: "plain", icon: "trusted" },
  { kind: "secret", word: "Secret", tone: "plain", icon: "lock" },
  { kind: "config", word: "Configuration", tone: "plain", icon: "settings" },
  { kind: "policy", word: "Policy", tone: "plain", icon: "book" },
  { kind: "lockdown", word: "Lockdown", tone: "danger", icon: "lock" },
  { kind: "backup", word: "Backup", tone: "plain", icon: "file" },
  { kind: "segment", word: "Log segment", tone: "plain", icon: "audit" },
  { kind: "open", word: "Log opened", tone: "plain", icon: "audit" },
  { kind: "checkpoint", word: "Checkpoint", tone: "plain", icon: "attested" },
  { kind: "pruned", word: "Log pruned", tone: "plain", icon: "audit" },
];

/** How records of `kind` are shown; a kind that this page does not know keeps its own name. */
export function kindOf(kind: string): (typeof KINDS)[number] {
  return KINDS.find((known) => known.kind === kind) ?? { kind, word: kind, tone: "plain", icon: "audit" };
}

/** One line about a record: what it concerns, in words. */
export function summaryOf(record: AuditRecord): string {
  const name = text(record, "name");
  const about = [name === undefined ? undefined : toolWords(name), targetOf(record)].filter(Boolean).join(" · ");
  const detail = text(record, "detail");
  switch (record.kind) {
    case "intent":
    case "question":
      return about;
    case "outcome":
      return join(about, text(record, "ending"), detail, took(record));
    case "refusal":
      return join(about, firstWhy(record));
    case "answer":
      return join(text(record, "answer"), text(record, "question"));
    case "inbound":
      return join(text(record, "sender") ?? text(record, "channel"));
    case "checkpoint":
      return typeof record["signed_seq"] === "number" ? `signed up to record ${record["signed_seq"]}` : "";
    case "sign_in":
      return join(words(text(record, "act")), text(record, "from"));
    case "connection":
      return join(text(record, "host"), text(record, "request"), text(record, "verdict"), firstWhy(record));
    case "secret":
      return join(text(record, "secret"), words(text(record, "act")), text(record, "host"));
    case "config":
      return join(words(text(record, "act")), text(record, "path"));
    case "policy":
      return join(words(text(record, "act")), text(record, "rule"), detail);
    default:
      return join(about === "" ? undefined : about, words(text(record, "act")), text(record, "state"), detail);
  }
}

/** The fields that are not shown elsewhere in the record's own row, for the expanded view: the chain last. */
export function fieldsOf(record: AuditRecord): readonly (readonly [string, string])[] {
  const rules = rulesOf(record);
  const shown = Object.entries(record).filter(([name]) => !["seq", "time", "kind", "v", "prev", "hash"].includes(name) && !(name === "rules" && rules !== undefined));
  const chain = (["prev", "hash"] as const).flatMap((name) => (record[name] === undefined ? [] : [[name, record[name]] as const]));
  return [...shown.map(([name, value]) => [name, valueText(value)] as const), ...chain];
}

/** The rules of a record, when it has some that can be read. */
export function rulesOf(record: AuditRecord): readonly Rule[] | undefined {
  const { rules } = record;
  if (!Array.isArray(rules) || rules.length === 0) return undefined;
  const read = rules.flatMap((rule: unknown) => readRule(rule) ?? []);
  return read.length === rules.length ? read : undefined;
}

function readRule(rule: unknown): Rule | undefined {
  if (typeof rule !== "object" || rule === null) return undefined;
  const { verdict, id, why } = rule as Readonly<Record<string, unknown>>;
  if (typeof id !== "string" || (verdict !== "allow" && verdict !== "ask" && verdict !== "deny")) return undefined;
  return { verdict, id, why: typeof why === "string" ? why : "" };
}

function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((part) => typeof part === "string")) return value.join("\n");
  return JSON.stringify(value, null, 2);
}

/** The kinds of targets that say most, first. */
const TELLING = ["command:", "url:", "to:", "path:"] as const;

function targetOf(record: AuditRecord): string | undefined {
  const { targets } = record;
  if (!Array.isArray(targets)) return undefined;
  const named = targets.filter((target) => typeof target === "string");
  const told = TELLING.flatMap((kind) => named.filter((target) => target.startsWith(kind)));
  const first = told[0] ?? named[0];
  if (first === undefined) return undefined;
  const bare = first.slice(first.indexOf(":") + 1);
  // A program, a host or a file stands beside the command or address that names it.
  const more = told.length > 0 ? told.length - 1 : named.length - 1;
  return more > 0 ? `${bare} and ${more} more` : bare;
}

function firstWhy(record: AuditRecord): string | undefined {
  const why = rulesOf(record)?.[0]?.why;
  return why === "" ? undefined : why;
}

function took(record: AuditRecord): string | undefined {
  const milliseconds = record["took_ms"];
  return typeof milliseconds === "number" ? `${milliseconds} ms` : undefined;
}

function text(record: AuditRecord, field: string): string | undefined {
  const value = record[field];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function words(name: string | undefined): string | undefined {
  return name?.replaceAll("_", " ");
}

function join(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" · ");
}
