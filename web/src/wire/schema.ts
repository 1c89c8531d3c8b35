/** Every shape that comes from the gateway, checked when it arrives. docs/api.md is the source. */
import * as v from "valibot";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** Milliseconds since 1970. */
const time = count;

export const Integrity = v.picklist(["trusted", "attested", "untrusted"]);
export type Integrity = v.InferOutput<typeof Integrity>;
export const Tier = v.picklist(["low", "medium", "high"]);
export type Tier = v.InferOutput<typeof Tier>;
export const Verdict = v.picklist(["allow", "ask", "deny"]);
export type Verdict = v.InferOutput<typeof Verdict>;
export const Effect = v.picklist(["read", "fetch", "write", "delete", "execute", "send", "spend", "configure"]);
export type Effect = v.InferOutput<typeof Effect>;
export const TaskState = v.picklist(["running", "waiting", "done", "cancelled", "failed"]);
export type TaskState = v.InferOutput<typeof TaskState>;
export const Answer = v.picklist(["approve", "deny", "always"]);
export type Answer = v.InferOutput<typeof Answer>;

export const Label = v.object({ integrity: Integrity, tier: Tier, sources: v.array(v.string()) });
export type Label = v.InferOutput<typeof Label>;

export const Rule = v.object({ verdict: Verdict, id: v.string(), why: v.string() });
export type Rule = v.InferOutput<typeof Rule>;

export const Argument = v.object({ name: v.string(), value: v.string(), role: v.picklist(["authority", "payload"]) });
export type Argument = v.InferOutput<typeof Argument>;

export const SignedIn = v.object({
  id: v.string(),
  principal: v.string(),
  scopes: v.array(v.string()),
  expires: v.optional(time),
});
export type SignedIn = v.InferOutput<typeof SignedIn>;

export const Proof = v.object({
  name: v.string(),
  state: v.picklist(["holds", "failed", "off"]),
  detail: v.string(),
  checked: v.optional(time),
});
export type Proof = v.InferOutput<typeof Proof>;

export const Status = v.object({
  version: v.string(),
  ready: v.boolean(),
  lockdown: v.boolean(),
  isolation: v.object({ level: v.string(), reason: v.optional(v.string()), fix: v.optional(v.string()) }),
  proofs: v.array(Proof),
  model: v.object({ name: v.string(), kind: v.string() }),
  home: v.string(),
  sample_mailbox: v.boolean(),
  suspended: v.optional(v.array(v.string())),
});
export type Status = v.InferOutput<typeof Status>;

/** `/readyz`. What a reason says in detail is told only to whoever has signed in. */
export const Readiness = v.object({ ready: v.boolean(), reasons: v.array(v.object({ name: v.string() })) });
export type Readiness = v.InferOutput<typeof Readiness>;

export const DemoLine = v.object({ tone: v.picklist(["heading", "plain", "quiet", "good", "bad"]), text: v.string() });
export type DemoLine = v.InferOutput<typeof DemoLine>;

export const Demo = v.object({
  name: v.string(),
  harmed: v.boolean(),
  lines: v.array(DemoLine),
  attacks: v.array(v.object({ name: v.string(), title: v.string() })),
});
export type Demo = v.InferOutput<typeof Demo>;

export const Session = v.object({
  id: v.string(),
  title: v.string(),
  channel: v.string(),
  created: time,
  updated: time,
  state: v.optional(TaskState),
  label: Label,
  ceiling: v.optional(Tier),
});
export type Session = v.InferOutput<typeof Session>;
export const Sessions = v.object({ sessions: v.array(Session) });

const itemBase = { number: count, task: v.string(), time, label: Label };
export const Item = v.variant("kind", [
  v.object({ ...itemBase, kind: v.literal("said"), by: v.string(), text: v.string(), quoted: v.optional(v.string()) }),
  v.object({
    ...itemBase,
    kind: v.literal("answered"),
    text: v.string(),
    calls: v.array(v.object({ call_id: v.string(), tool: v.string(), arguments: v.string() })),
  }),
  v.object({
    ...itemBase,
    kind: v.literal("result"),
    call_id: v.string(),
    tool: v.string(),
    text: v.string(),
    failed: v.boolean(),
    rules: v.array(Rule),
  }),
  v.object({ ...itemBase, kind: v.literal("held"), handle: v.string(), tool: v.string(), text: v.string() }),
  v.object({ ...itemBase, kind: v.literal("asked"), call_id: v.string(), question: v.string() }),
  v.object({ ...itemBase, kind: v.literal("replied"), text: v.string() }),
  v.object({ ...itemBase, kind: v.literal("summary"), text: v.string(), up_to: count }),
  v.object({ ...itemBase, kind: v.literal("planned"), grants: v.array(v.string()), why: v.string() }),
  v.object({ ...itemBase, kind: v.literal("ended"), state: TaskState, why: v.string() }),
]);
export type Item = v.InferOutput<typeof Item>;
export const ITEM_KINDS: ReadonlySet<string> = new Set(["said", "answered", "result", "held", "asked", "replied", "summary", "planned", "ended"]);
/** A transcript may hold items of a later version; they are told apart before they are checked. */
export const Transcript = v.object({ session: Session, label: Label, items: v.array(v.looseObject({ kind: v.string() })), seq: count });

export const Question = v.object({
  id: v.string(),
  session: v.string(),
  task: v.string(),
  title: v.string(),
  text: v.string(),
  rules: v.array(Rule),
  source: v.optional(v.string()),
  tool: v.string(),
  effect: Effect,
  arguments: v.array(Argument),
  label: Label,
  asked: time,
  expires: time,
  always: v.optional(v.string()),
});
export type Question = v.InferOutput<typeof Question>;
export const Approvals = v.object({ questions: v.array(Question) });

export const ApprovalStats = v.object({
  since: time,
  until: time,
  questions: count,
  approved: count,
  denied: count,
  expired: count,
  waiting: count,
  per_day: v.pipe(v.number(), v.minValue(0)),
  days: v.array(v.object({ day: v.string(), questions: count })),
  rules: v.array(v.object({ id: v.string(), why: v.string(), questions: count })),
  standing: v.array(v.object({ rule: v.string(), spares: count })),
});
export type ApprovalStats = v.InferOutput<typeof ApprovalStats>;

export const Receiver = v.object({
  name: v.string(),
  kind: v.string(),
  to: v.string(),
  behind: count,
  skipped: count,
  failed: count,
  last_sent: v.optional(time),
  down_since: v.optional(time),
  problem: v.optional(v.string()),
});
export type Receiver = v.InferOutput<typeof Receiver>;
export const Receivers = v.object({ receivers: v.array(Receiver) });

export const Answered = v.object({ question: v.string(), answer: Answer });
export const SheetAnswered = v.object({ answered: v.array(Answered) });

export const AuditRecord = v.looseObject({ seq: count, time, kind: v.string(), hash: v.string(), prev: v.optional(v.string()) });
export type AuditRecord = v.InferOutput<typeof AuditRecord>;
export const AuditPage = v.object({ records: v.array(AuditRecord), more: v.boolean() });

export const Command = v.object({ name: v.string(), arguments: v.string(), help: v.string(), example: v.string() });
export type Command = v.InferOutput<typeof Command>;
export const Commands = v.object({ commands: v.array(Command) });

export const Accepted = v.object({ accepted: v.boolean(), task: v.string() });
export const Cancelled = v.object({ cancelled: v.boolean() });

export const Fault = v.object({
  code: v.string(),
  message: v.string(),
  hint: v.optional(v.string()),
  rules: v.optional(v.array(Rule)),
});
export type Fault = v.InferOutput<typeof Fault>;
export const FaultBody = v.object({ error: Fault });

const inTask = { session: v.string(), task: v.string() };
const inCall = { ...inTask, call_id: v.string() };
const eventBase = { type: v.literal("event"), seq: count, time };
export const Event = v.variant("kind", [
  v.object({ ...eventBase, kind: v.literal("accepted"), ...inTask, message: v.string(), by: v.string(), text: v.string() }),
  v.object({ ...eventBase, kind: v.literal("draft"), ...inTask, step: count, text: v.string() }),
  v.object({ ...eventBase, kind: v.literal("call"), ...inCall, tool: v.string(), arguments: v.array(Argument), effect: Effect }),
  v.object({ ...eventBase, kind: v.literal("decided"), ...inCall, verdict: Verdict, rules: v.array(Rule), label: Label }),
  v.object({
    ...eventBase,
    kind: v.literal("progress"),
    ...inCall,
    text: v.string(),
    percent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100))),
  }),
  v.object({ ...eventBase, kind: v.literal("result"), ...inCall, text: v.string(), failed: v.boolean(), label: Label }),
  v.object({ ...eventBase, kind: v.literal("asked"), question: Question, call_id: v.string() }),
  v.object({ ...eventBase, kind: v.literal("answered"), session: v.string(), question: v.string(), answer: v.optional(Answer) }),
  v.object({ ...eventBase, kind: v.literal("reply"), ...inTask, text: v.string(), label: Label }),
  v.object({ ...eventBase, kind: v.literal("planned"), ...inTask, grants: v.array(v.string()), why: v.string() }),
  v.object({ ...eventBase, kind: v.literal("ended"), ...inTask, state: TaskState, why: v.string() }),
  v.object({ ...eventBase, kind: v.literal("label"), session: v.string(), label: Label }),
  v.object({ ...eventBase, kind: v.literal("audit"), record: AuditRecord }),
  v.object({ ...eventBase, kind: v.literal("status"), status: Status }),
]);
export type Event = v.InferOutput<typeof Event>;
export const EVENT_KINDS: ReadonlySet<string> = new Set([
  "accepted", "draft", "call", "decided", "progress", "result", "asked", "answered", "reply", "planned", "ended", "label", "audit", "status",
]);

export const Frame = v.variant("type", [
  v.object({ type: v.literal("welcome"), version: v.literal(1), seq: count, resumed: v.boolean() }),
  v.object({ type: v.literal("error"), about: v.optional(v.string()), error: Fault }),
  v.object({ type: v.literal("pong"), id: v.optional(v.string()) }),
]);
export type Frame = v.InferOutput<typeof Frame> | Event;
export const FRAME_TYPES: ReadonlySet<string> = new Set(["welcome", "error", "pong"]);
