/** How everything the page knows changes. Pure: the same state and change give the same state. */
import { plainWords } from "../text/markdown.ts";
import { oneLine } from "../text/visible.ts";
import type { KnownTranscript } from "../wire/decode.ts";
import type { Answer, AuditRecord, Command, Event, Fault, Label, Question, Session, Status, TaskState } from "../wire/schema.ts";
import type { LinkState } from "../wire/socket.ts";
import { afterEvent, chatEvent, chatOf, fromTranscript, saidKey } from "./chat.ts";
import { AUDIT_RECORDS_MAX, NOTICES_MAX, RECENT_EVENTS_MAX, type Announcement, type Chat, type SignInState, type State } from "./state.ts";

/** What can happen to the page. */
export type Change =
  | { readonly type: "sign-in"; readonly signIn: SignInState }
  | { readonly type: "link"; readonly link: LinkState }
  | { readonly type: "event"; readonly event: Event }
  | { readonly type: "sessions"; readonly sessions: readonly Session[] }
  | { readonly type: "session"; readonly session: Session }
  | { readonly type: "transcript-asked"; readonly session: string }
  | { readonly type: "transcript"; readonly session: string; readonly transcript: KnownTranscript }
  | { readonly type: "transcript-failed"; readonly session: string; readonly fault: Fault }
  | { readonly type: "questions"; readonly questions: readonly Question[] }
  | { readonly type: "answering"; readonly question: string; readonly answer: Answer }
  | { readonly type: "answer-failed"; readonly question: string; readonly fault: Fault }
  | { readonly type: "question-over"; readonly question: string }
  | { readonly type: "sending"; readonly session: string; readonly message: { readonly id: string; readonly text: string; readonly quoted?: string }; readonly time: number }
  | { readonly type: "sent"; readonly session: string; readonly id: string }
  | { readonly type: "send-failed"; readonly session: string; readonly id: string; readonly fault: Fault }
  | { readonly type: "unsend"; readonly session: string; readonly id: string }
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "commands"; readonly commands: readonly Command[] }
  | { readonly type: "audit"; readonly records: readonly AuditRecord[]; readonly older: boolean }
  | { readonly type: "missed" }
  | { readonly type: "notice"; readonly fault: Fault }
  | { readonly type: "dismiss"; readonly id: number };

/** The state after `change`. */
export function reduce(state: State, change: Change): State {
  switch (change.type) {
    case "sign-in":
      return { ...state, signIn: change.signIn };
    case "link":
      return { ...state, link: change.link };
    case "event":
      return onEvent(state, change.event);
    case "sessions":
      return { ...state, sessions: newestFirst(change.sessions.map((session) => caughtUp(state, session))) };
    case "session":
      return withSession(state, change.session);
    case "transcript-asked":
      return withChat(state, change.session, (chat) => ({ ...chat, loaded: chat.loaded === "yes" ? "yes" : "loading" }));
    case "transcript":
      return onTranscript(state, change.session, change.transcript);
    case "transcript-failed":
      return withChat(state, change.session, (chat) => ({ ...chat, loaded: "failed", fault: change.fault }));
    case "questions":
      return onQuestions(state, change.questions);
    case "answering":
      return withPending(state, change.question, ({ fault: _, ...rest }) => ({ ...rest, answering: change.answer }));
    case "answer-failed":
      return withPending(state, change.question, ({ answering: _, ...rest }) => ({ ...rest, fault: change.fault }));
    case "question-over":
      return { ...state, pending: state.pending.filter((pending) => pending.question.id !== change.question) };
    case "sending":
      return onSending(state, change);
    case "sent":
      return onDelivery(state, change.session, change.id, "taken");
    case "send-failed":
      return onDelivery(state, change.session, change.id, "failed", change.fault);
    case "unsend":
      return withChat(state, change.session, (chat) => ({ ...chat, entries: chat.entries.filter((entry) => entry.key !== saidKey(change.id)) }));
    case "status":
      return { ...state, status: newestStatus(state, change.status) };
    case "commands":
      return { ...state, commands: change.commands };
    case "audit":
      return { ...state, audit: { records: joinRecords(change.records, [...state.audit.records, ...toldRecords(state)]), older: change.older, loaded: true } };
    case "missed":
      return { ...state, recent: [], audit: { records: [], older: false, loaded: false } };
    case "notice":
      return withNotice(state, change.fault);
    case "dismiss":
      return { ...state, notices: state.notices.filter((notice) => notice.id !== change.id) };
  }
}

function onEvent(state: State, event: Event): State {
  const last = state.recent.at(-1);
  if (last !== undefined && event.seq <= last.seq) return state;
  const recorded = { ...state, recent: [...state.recent, event].slice(-RECENT_EVENTS_MAX) };
  const found = chatEvent(event);
  const grown = found === undefined ? recorded : withChat(recorded, found.session, (chat) => (chat.loaded === "yes" ? afterEvent(chat, found.event) : chat));
  return onKind(grown, event);
}

function onKind(state: State, event: Event): State {
  switch (event.kind) {
    case "accepted":
      return touch(state, event.session, event.time, "running");
    case "asked": {
      const known = state.pending.some((pending) => pending.question.id === event.question.id);
      const pending = known ? state.pending : [...state.pending, { question: event.question }];
      const text = `Approval needed: ${oneLine(event.question.title)}`;
      return announce(touch({ ...state, pending }, event.question.session, event.time, "waiting"), text, "assertive");
    }
    case "answered": {
      const pending = state.pending.filter((open) => open.question.id !== event.question);
      const answered = { ...state.answered, [event.question]: event.answer ?? ("lapsed" as const) };
      return touch({ ...state, pending, answered }, event.session, event.time, "running");
    }
    case "decided":
      return event.verdict === "deny" ? announce(state, `Refused: ${oneLine(event.rules[0]?.why ?? "the policy does not allow it")}`, "polite") : state;
    case "reply":
      return announce(touch(state, event.session, event.time, undefined), `Hardshell says: ${plainWords(event.text, 400)}`, "polite");
    case "ended": {
      const ended = touch(state, event.session, event.time, event.state);
      return event.state === "done" ? ended : announce(ended, event.state === "cancelled" ? "Stopped." : `It ended: ${oneLine(event.why)}`, "polite");
    }
    case "label":
      return { ...state, ...(state.sessions === undefined ? {} : { sessions: state.sessions.map((session) => (session.id === event.session ? { ...session, label: event.label } : session)) }) };
    case "audit":
      return state.audit.loaded ? { ...state, audit: { ...state.audit, records: joinRecords(state.audit.records, [event.record]) } } : state;
    case "status":
      return event.status.lockdown && state.status?.lockdown === false
        ? announce({ ...state, status: event.status }, "Locked down: everything is stopped.", "assertive")
        : { ...state, status: event.status };
    case "planned":
    case "draft":
    case "call":
    case "progress":
    case "result":
      return state;
  }
}

function onTranscript(state: State, session: string, transcript: KnownTranscript): State {
  const listed = withSession(state, caughtUp(state, transcript.session));
  const own = state.recent.flatMap((event) => {
    const found = chatEvent(event);
    return found?.session === session ? [found.event] : [];
  });
  return withChat(listed, session, (old) => own.filter((event) => event.seq > transcript.seq).reduce(afterEvent, fromTranscript(transcript, old, own)));
}

function onSending(state: State, { session, message, time }: Extract<Change, { type: "sending" }>): State {
  return withChat(state, session, (chat) => {
    const key = saidKey(message.id);
    const rest = chat.entries.filter((entry) => entry.key !== key);
    const quoted = message.quoted === undefined ? {} : { quoted: message.quoted };
    return { ...chat, entries: [...rest, { kind: "said", key, by: "owner", text: message.text, time, delivery: "sending", ...quoted }] };
  });
}

function onDelivery(state: State, session: string, id: string, delivery: "taken" | "failed", fault?: Fault): State {
  return withChat(state, session, (chat) => ({
    ...chat,
    entries: chat.entries.map((entry) => {
      if (entry.kind !== "said" || entry.key !== saidKey(id)) return entry;
      const { fault: _, ...rest } = entry;
      return { ...rest, delivery, ...(fault === undefined ? {} : { fault }) };
    }),
  }));
}

function withChat(state: State, session: string, how: (chat: Chat) => Chat): State {
  const old = chatOf(state.chats, session);
  const chat = how(old);
  return chat === old ? state : { ...state, chats: { ...state.chats, [session]: chat } };
}

function withPending(state: State, question: string, how: (pending: State["pending"][number]) => State["pending"][number]): State {
  return { ...state, pending: state.pending.map((pending) => (pending.question.id === question ? how(pending) : pending)) };
}

function withSession(state: State, session: Session): State {
  const others = (state.sessions ?? []).filter((known) => known.id !== session.id);
  return { ...state, sessions: newestFirst([...others, session]) };
}

function touch(state: State, id: string, time: number, taskState: TaskState | undefined): State {
  if (state.sessions === undefined) return state;
  const sessions = state.sessions.map((session) =>
    session.id === id ? { ...session, updated: Math.max(session.updated, time), ...(taskState === undefined ? {} : { state: taskState }) } : session,
  );
  return { ...state, sessions: newestFirst(sessions) };
}

/** An answer over HTTP can be older than an event that came before it: what events since then say counts. */
function onQuestions(state: State, questions: readonly Question[]): State {
  const asked = state.recent.flatMap((event) => (event.kind === "asked" ? [event.question] : []));
  const over = new Set(state.recent.flatMap((event) => (event.kind === "answered" ? [event.question] : [])));
  const open = new Map([...questions, ...asked].filter((question) => !over.has(question.id)).map((question) => [question.id, question]));
  return { ...state, pending: [...open.values()].map((question) => state.pending.find((known) => known.question.id === question.id) ?? { question }) };
}

function newestStatus(state: State, status: Status): Status {
  const told = state.recent.findLast((event) => event.kind === "status");
  return told?.kind === "status" ? told.status : status;
}

const WORST_FIRST = ["untrusted", "attested", "trusted"] as const;
const HIGHEST_FIRST = ["high", "medium", "low"] as const;

/** A session as it was when it was asked for, and what events have told since. */
function caughtUp(state: State, session: Session): Session {
  const label = newestLabel(state, session);
  const told = state.recent.findLast((event) => event.time >= session.updated && stateAfter(event, session.id) !== undefined);
  const taskState = told === undefined ? session.state : stateAfter(told, session.id);
  return { ...session, label, ...(taskState === undefined ? {} : { state: taskState }) };
}

/** Where the newest task of `session` stands after `event`; nothing when the event does not say. */
function stateAfter(event: Event, session: string): TaskState | undefined {
  switch (event.kind) {
    case "accepted":
    case "answered":
      return event.session === session ? "running" : undefined;
    case "asked":
      return event.question.session === session ? "waiting" : undefined;
    case "ended":
      return event.session === session ? event.state : undefined;
    case "planned":
    case "draft":
    case "call":
    case "decided":
    case "progress":
    case "result":
    case "reply":
    case "label":
    case "audit":
    case "status":
      return undefined;
  }
}

/** A label only ever gets worse: of what was asked for and what events told, the worse one counts. */
function newestLabel(state: State, session: Session): Label {
  const told = state.recent.findLast((event) => event.kind === "label" && event.session === session.id);
  if (told?.kind !== "label") return session.label;
  const rank = (label: Label) => WORST_FIRST.indexOf(label.integrity) * HIGHEST_FIRST.length + HIGHEST_FIRST.indexOf(label.tier);
  return rank(told.label) < rank(session.label) ? told.label : session.label;
}

function newestFirst(sessions: readonly Session[]): readonly Session[] {
  return [...sessions].sort((one, other) => other.updated - one.updated || one.id.localeCompare(other.id));
}

/** Records that came as events, some while the page of the log was on its way. */
function toldRecords(state: State): readonly AuditRecord[] {
  return state.recent.flatMap((event) => (event.kind === "audit" ? [event.record] : []));
}

/** Both lists as one, in order, each record once; the newest are kept. */
function joinRecords(older: readonly AuditRecord[], newer: readonly AuditRecord[]): readonly AuditRecord[] {
  const bySeq = new Map([...older, ...newer].map((record) => [record.seq, record]));
  return [...bySeq.values()].sort((one, other) => one.seq - other.seq).slice(-AUDIT_RECORDS_MAX);
}

function announce(state: State, text: string, urgency: Announcement["urgency"]): State {
  return { ...state, announcement: { id: (state.announcement?.id ?? 0) + 1, text, urgency } };
}

function withNotice(state: State, fault: Fault): State {
  const same = state.notices.find((notice) => notice.fault.code === fault.code && notice.fault.message === fault.message);
  if (same !== undefined) {
    return { ...state, notices: state.notices.map((notice) => (notice === same ? { ...notice, count: notice.count + 1 } : notice)) };
  }
  const id = Math.max(0, ...state.notices.map((notice) => notice.id)) + 1;
  return announce({ ...state, notices: [...state.notices, { id, fault, count: 1 }].slice(-NOTICES_MAX) }, `Could not be done: ${fault.message}`, "polite");
}
