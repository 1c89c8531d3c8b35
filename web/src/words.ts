/** What things are called on the screen: one word for each idea, one sentence where a word is not enough. */
import type { Effect, Label, Proof, Receiver, TaskState, Tier, Verdict } from "./wire/schema.ts";
import type { Call } from "./state/state.ts";
import type { IconName } from "./ui/Icon.tsx";

/** The colours that carry a meaning. */
export type Tone = "plain" | "good" | "info" | "caution" | "ask" | "danger";

export const INTEGRITY: Readonly<Record<Label["integrity"], { readonly word: string; readonly tone: Tone; readonly icon: IconName; readonly sentence: string }>> = {
  trusted: {
    word: "Trusted",
    tone: "good",
    icon: "trusted",
    sentence: "Only your own words and your configuration are in it.",
  },
  attested: {
    word: "Attested",
    tone: "info",
    icon: "attested",
    sentence: "It holds facts that an authenticated service asserts: sizes, times, counts, ids. Nobody else’s free text.",
  },
  untrusted: {
    word: "Untrusted",
    tone: "caution",
    icon: "untrusted",
    sentence: "It holds text that somebody else could have written. Whatever has consequences asks you first.",
  },
};

export const TIER: Readonly<Record<Tier, { readonly word: string; readonly sentence: string }>> = {
  low: { word: "low", sentence: "Anyone may know it." },
  medium: { word: "medium", sentence: "Personal or business: it stays with you and services you cleared." },
  high: { word: "high", sentence: "Money, health, law or keys: it goes to nothing but a local or cleared model, and to you." },
};

/** What a session may read at most, by its ceiling. */
export const CEILING: Readonly<Record<Tier, string>> = {
  low: "What anyone may know.",
  medium: "Also what is personal or business.",
  high: "Also money, health, law and keys.",
};

/** How it goes with a receiver of the audit log. */
export function receiverWords(receiver: Receiver): { readonly word: string; readonly tone: Tone; readonly icon: IconName; readonly sentence: string } {
  const behind = receiver.behind === 1 ? "One record is" : `${receiver.behind} records are`;
  if (receiver.down_since !== undefined) {
    return { word: "Down", tone: "danger", icon: "failed", sentence: `It takes nothing. ${behind} kept for it; no effect waits for that.` };
  }
  if (receiver.behind > 0) return { word: "Behind", tone: "caution", icon: "clock", sentence: `${behind} on the way.` };
  if (receiver.last_sent === undefined) return { word: "New", tone: "plain", icon: "off", sentence: "Nothing was sent yet." };
  return { word: "Up to date", tone: "good", icon: "check", sentence: "It has every record." };
}

/** `session s-1: 10 calls were refused …`, taken apart, with the command that lets it go on. */
export function suspended(line: string): { readonly what: string; readonly why: string; readonly command: string } {
  const cut = line.indexOf(": ");
  const what = cut < 0 ? line : line.slice(0, cut);
  const why = cut < 0 ? "it was refused too often" : line.slice(cut + 2);
  return { what, why, command: `hardshell session resume ${quoted(what.replace(/^session /u, ""))}` };
}

/** As a shell takes it: a stranger chose the name. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export const VERDICT: Readonly<Record<Verdict, { readonly word: string; readonly tone: Tone; readonly icon: IconName }>> = {
  allow: { word: "Allowed", tone: "good", icon: "allowed" },
  ask: { word: "Asks you", tone: "ask", icon: "asked" },
  deny: { word: "Refused", tone: "danger", icon: "refused" },
};

export const EFFECT: Readonly<Record<Effect, { readonly word: string; readonly sentence: string }>> = {
  read: { word: "reads", sentence: "Looks at something of yours." },
  fetch: { word: "fetches", sentence: "Gets something from the network." },
  write: { word: "writes", sentence: "Makes or changes something." },
  delete: { word: "deletes", sentence: "Takes something away." },
  execute: { word: "runs a program", sentence: "Starts a program, in the sandbox." },
  send: { word: "sends", sentence: "Says something to somebody." },
  spend: { word: "spends", sentence: "Costs money." },
  configure: { word: "configures", sentence: "Changes how Hardshell, or another service, behaves." },
};

export const TASK_STATE: Readonly<Record<TaskState, string>> = {
  running: "Working",
  waiting: "Waiting for you",
  done: "Done",
  cancelled: "Stopped",
  failed: "Failed",
};

export const PROOF: Readonly<Record<Proof["state"], { readonly word: string; readonly tone: Tone; readonly icon: IconName }>> = {
  holds: { word: "Holds", tone: "good", icon: "trusted" },
  failed: { word: "Failed", tone: "danger", icon: "refused" },
  off: { word: "Off", tone: "caution", icon: "off" },
};

/** The isolation levels, best first. */
export const ISOLATION: readonly { readonly level: string; readonly word: string; readonly sentence: string }[] = [
  { level: "full", word: "Full", sentence: "Own namespaces, seccomp, cgroup limits and Landlock around every command." },
  { level: "full-soft", word: "Full, soft limits", sentence: "The same walls; memory and process limits are watched instead of enforced by a cgroup." },
  { level: "landlock", word: "Landlock", sentence: "No namespaces here: Landlock and seccomp alone hold each command." },
  { level: "none", word: "None", sentence: "Nothing would hold a command, so no command runs." },
];

const TOOLS: Readonly<Record<string, string>> = {
  "files.read": "Read a file",
  "files.list": "List a folder",
  "files.find": "Find files",
  "files.write": "Write a file",
  "files.move": "Move a file",
  "files.delete": "Move a file to the trash",
  "files.restore": "Restore a file",
  "files.undo": "Undo the last change",
  "shell.run": "Run a command",
  "web.fetch": "Fetch a page",
  "mail.list": "List mail",
  "mail.read": "Read a mail",
  "mail.search": "Search mail",
  "mail.draft": "Draft a mail",
  "mail.send": "Send a mail",
  "host.disk": "Check disk space",
  "host.load": "Check load",
  "host.processes": "List processes",
  "host.services": "List services",
  "host.logs": "Read logs",
  "host.ports": "List open ports",
  "host.uptime": "See whether a site is up",
  "memory.note": "Save a memory",
  "memory.search": "Search memory",
  "message.reply": "Reply",
  "model.ask": "Ask the model",
};

/** What a tool does, in words; its own name when it is not one of ours. */
export function toolWords(tool: string): string {
  return TOOLS[tool] ?? tool;
}

const TOOL_ICONS: Readonly<Record<string, IconName>> = {
  files: "file",
  shell: "terminal",
  web: "globe",
  mail: "mail",
  host: "machine",
  memory: "memory",
  message: "reply",
  session: "reply",
  model: "model",
};

/** The picture that stands for a tool's family. */
export function toolIcon(tool: string): IconName {
  return TOOL_ICONS[tool.split(".")[0] ?? ""] ?? "tool";
}

/** How a call stands, in one or two words. */
export function callState(call: Call): { readonly word: string; readonly tone: Tone; readonly icon: IconName } {
  if (call.verdict === "deny") return VERDICT.deny;
  if (call.question !== undefined) return askedState(call);
  if (call.result !== undefined) return call.result.failed ? { word: "Failed", tone: "caution", icon: "failed" } : VERDICT.allow;
  if (call.verdict === "allow") return { word: "Running", tone: "plain", icon: "running" };
  if (call.verdict === "ask") return VERDICT.ask;
  return { word: "Deciding", tone: "plain", icon: "running" };
}

/** How the owner's approval let a call through; nothing when it did not. */
export function approvalWords(call: Call): string | undefined {
  if (call.answer === "approve") return "you approved it";
  if (call.answer === "always") return "you approved it, and stored a rule for the next time";
  // A rule that asks lets through only what was approved: where nothing was asked, it was approved before.
  const went = call.verdict === "allow" || call.result?.failed === false;
  return call.question === undefined && went && call.rules[0]?.verdict === "ask" ? "you approved it before" : undefined;
}

function askedState(call: Call): { readonly word: string; readonly tone: Tone; readonly icon: IconName } {
  if (call.answer === undefined) {
    if (call.result === undefined) return { word: "Waits for you", tone: "ask", icon: "asked" };
    if (call.result.failed) return { word: "Asked, not done", tone: "plain", icon: "off" };
    return { word: "You approved", tone: "good", icon: "allowed" };
  }
  switch (call.answer) {
    case "approve":
    case "always":
      if (call.result?.failed === true) return { word: "Approved, failed", tone: "caution", icon: "failed" };
      return { word: call.result === undefined ? "Approved" : "You approved", tone: "good", icon: "allowed" };
    case "deny":
      return { word: "You denied", tone: "danger", icon: "refused" };
    case "lapsed":
      return { word: "Lapsed", tone: "plain", icon: "off" };
  }
}

/** `mail:x@y` as words and a picture. */
export function sourceWords(source: string): { readonly kind: string; readonly name: string; readonly icon: IconName } {
  const at = source.indexOf(":");
  const kind = at < 0 ? "tool" : source.slice(0, at);
  const name = at < 0 ? source : source.slice(at + 1);
  if (source === "owner:owner") return { kind: "you", name: "your own words", icon: "person" };
  return { kind: SOURCE_KINDS[kind]?.word ?? kind, name: name === "*" ? "many" : name, icon: SOURCE_KINDS[kind]?.icon ?? "tool" };
}

const SOURCE_KINDS: Readonly<Record<string, { readonly word: string; readonly icon: IconName }>> = {
  owner: { word: "you", icon: "person" },
  config: { word: "configuration", icon: "settings" },
  person: { word: "person", icon: "person" },
  quote: { word: "quote", icon: "quote" },
  mail: { word: "mail", icon: "mail" },
  web: { word: "web", icon: "globe" },
  file: { word: "file", icon: "file" },
  command: { word: "command", icon: "terminal" },
  host: { word: "this machine", icon: "machine" },
  tool: { word: "tool", icon: "tool" },
  memory: { word: "memory", icon: "memory" },
  model: { word: "model", icon: "model" },
};

/** `Could not …: why.` */
export function couldNot(what: string, why: string): string {
  return `Could not ${what}: ${why}${/[.!?]$/u.test(why) ? "" : "."}`;
}
