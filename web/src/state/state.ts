/** Everything the page knows. Plain data; `reduce` is the only place where it changes. */
import type {
  Answer, Argument, AuditRecord, Command, Effect, Event, Fault, Label, Question, Rule, Session, SignedIn, Status, TaskState, Verdict,
} from "../wire/schema.ts";
import type { LinkState } from "../wire/socket.ts";

/** Whether somebody is signed in. */
export type SignInState =
  | { readonly kind: "unknown" }
  | { readonly kind: "in"; readonly as: SignedIn }
  /** `fault` says what was wrong with a link that was just tried. */
  | { readonly kind: "out"; readonly reason: OutReason; readonly fault?: Fault }
  /** Too many wrong links came from this machine. The store has the one that was not looked at, and tries it again then. */
  | { readonly kind: "waits"; readonly until: number }
  | { readonly kind: "unreachable"; readonly fault: Fault };

/** Why nobody is signed in. `locked`: the stop switch took every sign-in and every link. */
export type OutReason = "never" | "ended" | "left" | "bad-link" | "locked";

/** One call of a tool, from proposal to result. */
export interface Call {
  readonly callId: string;
  readonly task: string;
  readonly tool: string;
  readonly arguments: readonly Shown[];
  readonly effect?: Effect;
  readonly verdict?: Verdict;
  readonly rules: readonly Rule[];
  /** The session's label when it was decided. */
  readonly under?: Label;
  readonly question?: string;
  readonly answer?: Answer | "lapsed";
  readonly progress?: { readonly text: string; readonly percent?: number };
  readonly result?: { readonly text: string; readonly failed: boolean; readonly label: Label };
}

/** An argument as it is shown; the role is not known of a call that is read back from a transcript. */
export interface Shown {
  readonly name: string;
  readonly value: string;
  readonly role?: Argument["role"];
}

/** One entry of a conversation. */
export type Entry =
  | {
      readonly kind: "said";
      readonly key: string;
      /** Known once the gateway has taken it. */
      readonly task?: string;
      readonly by: string;
      readonly text: string;
      readonly quoted?: string;
      readonly time: number;
      readonly delivery: "sending" | "taken" | "failed";
      readonly fault?: Fault;
    }
  /** What the model said on the way, or before it was stopped. */
  | { readonly kind: "words"; readonly key: string; readonly task: string; readonly text: string; readonly label?: Label; readonly cut: boolean }
  | { readonly kind: "call"; readonly key: string; readonly call: Call }
  | { readonly kind: "reply"; readonly key: string; readonly task: string; readonly text: string; readonly label: Label; readonly time: number }
  | { readonly kind: "plan"; readonly key: string; readonly task: string; readonly grants: readonly string[]; readonly why: string }
  /** A stranger's text that the model is not shown. */
  | { readonly kind: "held"; readonly key: string; readonly handle: string; readonly tool: string; readonly text: string; readonly label: Label }
  | { readonly kind: "summary"; readonly key: string; readonly text: string; readonly label: Label }
  | { readonly kind: "ended"; readonly key: string; readonly task: string; readonly state: TaskState; readonly why: string };

/** What is being written at this moment. */
export interface Draft {
  readonly task: string;
  readonly step: number;
  readonly text: string;
}

/** One conversation as far as it is loaded. */
export interface Chat {
  readonly loaded: "no" | "loading" | "yes" | "failed";
  readonly fault?: Fault;
  readonly entries: readonly Entry[];
  readonly draft?: Draft;
  /** The number of the last event that `entries` holds. */
  readonly seq: number;
  /** How many steps of each task the transcript held whole: their drafts are over. */
  readonly held: Readonly<Record<string, number>>;
}

/** A question and what the page knows of its answer. */
export interface Pending {
  readonly question: Question;
  readonly answering?: Answer;
  readonly fault?: Fault;
}

/** Something to tell that belongs to no other place. */
export interface Notice {
  readonly id: number;
  readonly fault: Fault;
  readonly count: number;
}

/** What is read out by screen readers, once. */
export interface Announcement {
  readonly id: number;
  readonly text: string;
  readonly urgency: "polite" | "assertive";
}

export interface State {
  readonly signIn: SignInState;
  readonly link: LinkState;
  readonly status?: Status;
  readonly sessions?: readonly Session[];
  readonly chats: Readonly<Record<string, Chat>>;
  readonly pending: readonly Pending[];
  /** Questions that are over: how they were answered. */
  readonly answered: Readonly<Record<string, Answer | "lapsed">>;
  readonly commands: readonly Command[];
  readonly audit: { readonly records: readonly AuditRecord[]; readonly older: boolean; readonly loaded: boolean };
  /** The newest events, for a transcript that is older than they are. */
  readonly recent: readonly Event[];
  readonly notices: readonly Notice[];
  readonly announcement?: Announcement;
}

export const EMPTY_CHAT: Chat = { loaded: "no", entries: [], seq: 0, held: {} };

export const START: State = {
  signIn: { kind: "unknown" },
  link: { kind: "connecting" },
  chats: {},
  pending: [],
  answered: {},
  commands: [],
  audit: { records: [], older: false, loaded: false },
  recent: [],
  notices: [],
};

/** The most audit records kept in the page: about an hour of a busy house; older ones are asked for. */
export const AUDIT_RECORDS_MAX = 2_000;
/** The most events kept for transcripts that load late: what the gateway itself keeps. */
export const RECENT_EVENTS_MAX = 4_096;
/** The longest draft shown as it is written. A longer one is shown by its end until the reply replaces it. */
export const DRAFT_CHARACTERS_MAX = 100_000;
/** The most notices at once: more than these nobody reads. */
export const NOTICES_MAX = 4;

/** The sessions whose newest task goes on or waits. */
export function isBusy(state: TaskState | undefined): boolean {
  return state === "running" || state === "waiting";
}
