/** How a conversation grows: from the items of a transcript, then event by event. */
import type { KnownTranscript } from "../wire/decode.ts";
import type { Event, Item, Label } from "../wire/schema.ts";
import { DRAFT_CHARACTERS_MAX, EMPTY_CHAT, type Call, type Chat, type Entry, type Shown } from "./state.ts";

/** The events that change a conversation. */
export type ChatEvent = Extract<Event, { kind: "accepted" | "planned" | "draft" | "call" | "decided" | "progress" | "result" | "asked" | "answered" | "reply" | "ended" }>;

/** Which session an event belongs to, when it changes a conversation. */
export function chatEvent(event: Event): { readonly session: string; readonly event: ChatEvent } | undefined {
  switch (event.kind) {
    case "asked":
      return { session: event.question.session, event };
    case "accepted":
    case "planned":
    case "draft":
    case "call":
    case "decided":
    case "progress":
    case "result":
    case "answered":
    case "reply":
    case "ended":
      return { session: event.session, event };
    case "label":
    case "audit":
    case "status":
      return undefined;
  }
}

/**
 * The conversation that `transcript` holds. What the old one had in flight and the transcript lacks is kept; what
 * events tell and transcripts do not (decisions, progress, a draft) is taken from `recent`, the session's own events.
 */
export function fromTranscript(transcript: KnownTranscript, old: Chat, recent: readonly ChatEvent[]): Chat {
  const entries = transcript.items.reduce<readonly Entry[]>(addItem, []);
  const texts = new Set(transcript.items.flatMap((item) => (item.kind === "said" ? [item.text] : [])));
  const unsent = old.entries.filter((entry) => entry.kind === "said" && entry.key.startsWith(saidKey("")) && !texts.has(entry.text));
  const start: Chat = { loaded: "yes", entries: [...entries, ...unsent], seq: transcript.seq, held: stepsOf(transcript.items) };
  return recent.filter((event) => event.seq <= transcript.seq).reduce(enrich, start);
}

/** How many steps of each task the items hold whole. */
function stepsOf(items: readonly Item[]): Readonly<Record<string, number>> {
  const steps: Record<string, number> = {};
  for (const item of items) {
    if (item.kind === "answered") steps[item.task] = (steps[item.task] ?? 0) + 1;
    if (item.kind === "replied" || item.kind === "ended") steps[item.task] = Number.POSITIVE_INFINITY;
  }
  return steps;
}

/** Adds to the calls of a transcript what an event that it already holds says beyond it. */
function enrich(chat: Chat, event: ChatEvent): Chat {
  switch (event.kind) {
    case "call":
      return onCall(chat, event.task, event.call_id, (call) => ({ ...call, arguments: event.arguments, effect: event.effect }));
    case "decided":
    case "answered":
      return change(chat, event);
    case "progress":
      return onCall(chat, event.task, event.call_id, (call) => (call.result === undefined ? { ...call, progress: progressOf(event) } : call));
    case "draft": {
      if ((chat.held[event.task] ?? 0) > event.step) return chat;
      const same = chat.draft?.task === event.task && chat.draft.step === event.step;
      const text = `${same ? (chat.draft?.text ?? "") : ""}${event.text}`;
      return { ...chat, draft: { task: event.task, step: event.step, text: text.slice(-DRAFT_CHARACTERS_MAX) } };
    }
    case "accepted":
    case "planned":
    case "result":
    case "asked":
    case "reply":
    case "ended":
      return chat;
  }
}

function progressOf(event: Extract<Event, { kind: "progress" }>): NonNullable<Call["progress"]> {
  return { text: event.text, ...(event.percent === undefined ? {} : { percent: event.percent }) };
}

function addItem(entries: readonly Entry[], item: Item): readonly Entry[] {
  const key = `item-${item.number}`;
  switch (item.kind) {
    case "said":
      return [
        ...entries,
        { kind: "said", key, task: item.task, by: item.by, text: item.text, time: item.time, delivery: "taken", ...(item.quoted === undefined ? {} : { quoted: item.quoted }) },
      ];
    case "answered": {
      const words: Entry[] = item.text.trim() === "" ? [] : [{ kind: "words", key, task: item.task, text: item.text, label: item.label, cut: false }];
      const calls = item.calls.map(
        (call): Entry => ({
          kind: "call",
          key: callKey(item.task, call.call_id),
          call: { callId: call.call_id, task: item.task, tool: call.tool, arguments: readArguments(call.arguments), rules: [] },
        }),
      );
      return [...entries, ...words, ...calls];
    }
    case "result":
      return changeCall(entries, item.task, item.call_id, (call) => resultOf(call, item));
    case "asked":
      return changeCall(entries, item.task, item.call_id, (call) => ({ ...call, verdict: "ask", question: item.question }));
    case "replied":
      return [...dropLastWords(entries, item.task, item.text), { kind: "reply", key, task: item.task, text: item.text, label: item.label, time: item.time }];
    case "held":
      return [...entries, { kind: "held", key, handle: item.handle, tool: item.tool, text: item.text, label: item.label }];
    case "summary":
      return [...entries, { kind: "summary", key, text: item.text, label: item.label }];
    case "planned":
      return addPlan(entries, item);
    case "ended":
      return [...entries, { kind: "ended", key, task: item.task, state: item.state, why: item.why }];
  }
}

function resultOf(call: Call, item: Extract<Item, { kind: "result" }>): Call {
  const refused = item.failed && item.rules[0]?.verdict === "deny";
  const verdict = call.question !== undefined ? "ask" : refused ? "deny" : (item.rules[0]?.verdict ?? call.verdict ?? "allow");
  const answer = call.answer ?? (call.question === undefined ? undefined : item.failed ? undefined : "approve");
  return {
    ...call,
    verdict,
    rules: item.rules.length > 0 ? item.rules : call.rules,
    result: { text: item.text, failed: item.failed, label: item.label },
    ...(answer === undefined ? {} : { answer }),
  };
}

/** The conversation after one more event, each given once. One that a transcript already holds can come after it. */
export function afterEvent(chat: Chat, event: ChatEvent): Chat {
  if (event.seq <= chat.seq) return enrich(chat, event);
  return { ...change(chat, event), seq: event.seq };
}

function change(chat: Chat, event: ChatEvent): Chat {
  switch (event.kind) {
    case "accepted":
      return { ...chat, entries: take(chat.entries, event) };
    case "planned":
      return { ...chat, entries: addPlan(chat.entries, event) };
    case "draft":
      return withDraft(chat, event);
    case "call": {
      const call: Call = { callId: event.call_id, task: event.task, tool: event.tool, arguments: event.arguments, effect: event.effect, rules: [] };
      const settled = settleDraft(chat, event.seq, "whole");
      if (settled.entries.some((entry) => entry.key === callKey(event.task, event.call_id))) {
        return { ...settled, entries: changeCall(settled.entries, event.task, event.call_id, (old) => ({ ...old, ...call, rules: old.rules })) };
      }
      return { ...settled, entries: [...settled.entries, { kind: "call", key: callKey(event.task, event.call_id), call }] };
    }
    case "decided":
      return onCall(chat, event.task, event.call_id, (call) => ({
        ...call,
        // A question that was answered is decided again; that it was asked stays.
        verdict: call.question !== undefined && event.verdict === "allow" ? "ask" : event.verdict,
        rules: event.rules.length > 0 ? event.rules : call.rules,
        under: event.label,
      }));
    case "progress":
      return onCall(chat, event.task, event.call_id, (call) => ({ ...call, progress: progressOf(event) }));
    case "result":
      return onCall(chat, event.task, event.call_id, ({ progress: _, ...call }) => ({
        ...call,
        result: { text: event.text, failed: event.failed, label: event.label },
      }));
    case "asked":
      return onCall(chat, event.question.task, event.call_id, (call) => ({ ...call, verdict: "ask", question: event.question.id, rules: event.question.rules }));
    case "answered":
      return {
        ...chat,
        entries: chat.entries.map((entry) =>
          entry.kind === "call" && entry.call.question === event.question
            ? { ...entry, call: { ...entry.call, answer: event.answer ?? "lapsed" } }
            : entry,
        ),
      };
    case "reply": {
      const { draft: _, ...rest } = chat;
      if (chat.entries.some((entry) => entry.kind === "reply" && entry.task === event.task && entry.text === event.text)) return rest;
      const before = dropLastWords(chat.entries, event.task, event.text);
      return { ...rest, entries: [...before, { kind: "reply", key: `event-${event.seq}`, task: event.task, text: event.text, label: event.label, time: event.time }] };
    }
    case "ended": {
      const settled = settleDraft(chat, event.seq, "cut");
      if (event.state === "done" || settled.entries.some((entry) => entry.kind === "ended" && entry.task === event.task)) return settled;
      return { ...settled, entries: [...settled.entries, { kind: "ended", key: `event-${event.seq}`, task: event.task, state: event.state, why: event.why }] };
    }
  }
}

/** A task has one plan, however often it is told. */
function addPlan(entries: readonly Entry[], of: { readonly task: string; readonly grants: readonly string[]; readonly why: string }): readonly Entry[] {
  const key = `plan-${of.task}`;
  if (entries.some((entry) => entry.key === key)) return entries;
  return [...entries, { kind: "plan", key, task: of.task, grants: of.grants, why: of.why }];
}

/**
 * The owner's message is shown at once, and known by its id when the gateway has taken it. A transcript may hold it
 * already, under its task: what is read is at least as new as the number that comes with it.
 */
function take(entries: readonly Entry[], event: Extract<Event, { kind: "accepted" }>): readonly Entry[] {
  const key = saidKey(event.message);
  if (entries.some((entry) => entry.kind === "said" && entry.task === event.task && entry.key !== key)) {
    return entries.filter((entry) => entry.key !== key);
  }
  if (entries.some((entry) => entry.key === key)) {
    return entries.map((entry) => {
      if (entry.key !== key || entry.kind !== "said") return entry;
      const { fault: _, ...rest } = entry;
      return { ...rest, task: event.task, delivery: "taken" };
    });
  }
  return [...entries, { kind: "said", key, task: event.task, by: event.by, text: event.text, time: event.time, delivery: "taken" }];
}

function withDraft(chat: Chat, event: Extract<Event, { kind: "draft" }>): Chat {
  if ((chat.held[event.task] ?? 0) > event.step) return chat;
  const same = chat.draft?.task === event.task && chat.draft.step === event.step;
  const settled = chat.draft !== undefined && !same ? settleDraft(chat, event.seq, "whole") : chat;
  const text = `${same ? (chat.draft?.text ?? "") : ""}${event.text}`;
  return { ...settled, draft: { task: event.task, step: event.step, text: text.slice(-DRAFT_CHARACTERS_MAX) } };
}

/** A draft that no reply will replace becomes words of its own. */
function settleDraft(chat: Chat, seq: number, how: "whole" | "cut"): Chat {
  const { draft, ...rest } = chat;
  if (draft === undefined) return chat;
  if (draft.text.trim() === "") return rest;
  return { ...rest, entries: [...chat.entries, { kind: "words", key: `draft-${seq}`, task: draft.task, text: draft.text, cut: how === "cut" }] };
}

function onCall(chat: Chat, task: string, callId: string, how: (call: Call) => Call): Chat {
  return { ...chat, entries: changeCall(chat.entries, task, callId, how) };
}

function changeCall(entries: readonly Entry[], task: string, callId: string, how: (call: Call) => Call): readonly Entry[] {
  const key = callKey(task, callId);
  return entries.map((entry) => (entry.kind === "call" && entry.key === key ? { ...entry, call: how(entry.call) } : entry));
}

/** A model's last words are its reply: they are not shown twice. */
function dropLastWords(entries: readonly Entry[], task: string, text: string): readonly Entry[] {
  const last = entries.at(-1);
  if (last?.kind !== "words" || last.task !== task) return entries;
  // Below the model's words stands what their handles hold.
  const words = last.text.trim();
  return text.trim() === words || text.startsWith(`${words}\n\n$`) ? entries.slice(0, -1) : entries;
}

function readArguments(written: string): readonly Shown[] {
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch {
    return [{ name: "as written", value: written }];
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [{ name: "as written", value: written }];
  return Object.entries(value).map(([name, part]) => ({ name, value: typeof part === "string" ? part : JSON.stringify(part) }));
}

/** The key of a message by its sender's id. */
export function saidKey(message: string): string {
  return `said-${message}`;
}

function callKey(task: string, callId: string): string {
  return `call-${task}-${callId}`;
}

/** The conversation of a session that was never looked at. */
export function chatOf(chats: Readonly<Record<string, Chat>>, session: string): Chat {
  return chats[session] ?? EMPTY_CHAT;
}

/** The label of a reply that is still being written: the session's own. */
export function draftIntegrity(label: Label | undefined): Label["integrity"] {
  return label?.integrity ?? "untrusted";
}
