import { describe, expect, it } from "vitest";
import type { Event, Item, Label, Question, Session } from "../wire/schema.ts";
import { chatOf } from "./chat.ts";
import { reduce, type Change } from "./reduce.ts";
import { AUDIT_RECORDS_MAX, RECENT_EVENTS_MAX, START, type Entry, type State } from "./state.ts";

const TRUSTED: Label = { integrity: "trusted", tier: "low", sources: [] };
const DIRTY: Label = { integrity: "untrusted", tier: "medium", sources: ["mail:x@y.example"] };
const SESSION: Session = { id: "s", title: "Mail", channel: "web", created: 1, updated: 1, label: TRUSTED };
const inTask = { session: "s", task: "t" };

type Bare = Event extends infer E ? (E extends unknown ? Omit<E, "type" | "seq" | "time"> : never) : never;
let seq = 100;
const event = (bare: Bare, at?: number): Change => {
  seq = at ?? seq + 1;
  return { type: "event", event: { ...bare, type: "event", seq, time: seq } as Event };
};
type BareItem = Item extends infer E ? (E extends unknown ? Omit<E, "number" | "time" | "task"> : never) : never;
const transcript = (upTo: number, ...items: BareItem[]): Change => ({
  type: "transcript",
  session: "s",
  transcript: { session: SESSION, seq: upTo, items: items.map((item, at) => ({ ...item, number: at + 1, task: "t", time: 1 }) as Item) },
});
const play = (...changes: readonly Change[]): State => changes.reduce(reduce, START);
const opened = (...changes: readonly Change[]): State => play({ type: "sessions", sessions: [SESSION] }, transcript(100), ...changes);
const entries = (state: State): readonly Entry[] => chatOf(state.chats, "s").entries;
const question: Question = { id: "q", ...inTask, title: "Send", text: "x", rules: [], tool: "mail.send", effect: "send", arguments: [], label: DIRTY, asked: 1, expires: 9 };
const call: Bare = { kind: "call", ...inTask, call_id: "c", tool: "mail.send", arguments: [], effect: "send" };

describe("a conversation, event by event", () => {
  it("streams a draft that the reply replaces", () => {
    seq = 100;
    const writing = opened(event({ kind: "draft", ...inTask, step: 0, text: "Hel" }), event({ kind: "draft", ...inTask, step: 0, text: "lo" }));
    expect(chatOf(writing.chats, "s").draft).toEqual({ task: "t", step: 0, text: "Hello" });
    const done = reduce(writing, event({ kind: "reply", ...inTask, text: "Hello.", label: TRUSTED }));
    expect(chatOf(done.chats, "s").draft).toBeUndefined();
    expect(entries(done)).toMatchObject([{ kind: "reply", text: "Hello." }]);
  });

  it("a draft before a call stays as words", () => {
    seq = 100;
    const state = opened(event({ kind: "draft", ...inTask, step: 0, text: "Looking." }), event(call));
    expect(entries(state)).toMatchObject([{ kind: "words", text: "Looking.", cut: false }, { kind: "call" }]);
  });

  it("a new step is a new draft", () => {
    seq = 100;
    const state = opened(event({ kind: "draft", ...inTask, step: 0, text: "one" }), event({ kind: "draft", ...inTask, step: 1, text: "two" }));
    expect(entries(state)).toMatchObject([{ kind: "words", text: "one" }]);
    expect(chatOf(state.chats, "s").draft?.text).toBe("two");
  });

  it("a draft that was stopped stays, and says so", () => {
    seq = 100;
    const state = opened(event({ kind: "draft", ...inTask, step: 0, text: "Once upon" }), event({ kind: "ended", ...inTask, state: "cancelled", why: "" }));
    expect(entries(state)).toMatchObject([{ kind: "words", cut: true }, { kind: "ended", state: "cancelled" }]);
    expect(state.sessions?.[0]?.state).toBe("cancelled");
  });

  it("a call is decided, runs and ends", () => {
    seq = 100;
    const state = opened(
      event(call),
      event({ kind: "decided", ...inTask, call_id: "c", verdict: "allow", rules: [], label: DIRTY }),
      event({ kind: "progress", ...inTask, call_id: "c", text: "half", percent: 50 }),
      event({ kind: "result", ...inTask, call_id: "c", text: "sent", failed: false, label: TRUSTED }),
    );
    expect(entries(state)).toEqual([
      { kind: "call", key: "call-t-c", call: { callId: "c", task: "t", tool: "mail.send", arguments: [], effect: "send", rules: [], verdict: "allow", under: DIRTY, result: { text: "sent", failed: false, label: TRUSTED } } },
    ]);
  });

  it("a call of the same id in another task is another call", () => {
    seq = 100;
    const state = opened(event(call), event({ ...call, task: "t2" }), event({ kind: "result", session: "s", task: "t2", call_id: "c", text: "x", failed: false, label: TRUSTED }));
    expect(entries(state).map((entry) => entry.kind === "call" && entry.call.result?.text)).toEqual([undefined, "x"]);
  });

  it("an event that came twice counts once", () => {
    seq = 100;
    const reply: Bare = { kind: "reply", ...inTask, text: "Hello.", label: TRUSTED };
    expect(entries(opened(event(reply, 101), event(reply, 101)))).toHaveLength(1);
  });

  it("events of a session that is not open change nothing but the list", () => {
    seq = 100;
    const state = play({ type: "sessions", sessions: [SESSION] }, event({ kind: "reply", ...inTask, text: "x", label: TRUSTED }), event({ kind: "label", session: "s", label: DIRTY }));
    expect(state.chats["s"]?.entries ?? []).toEqual([]);
    expect(state.sessions?.[0]).toMatchObject({ updated: 101, label: DIRTY });
  });
});

describe("a transcript and the events around it", () => {
  it("events that the transcript holds are not told again, later ones are", () => {
    const state = play(
      { type: "sessions", sessions: [SESSION] },
      { type: "transcript-asked", session: "s" },
      event({ kind: "accepted", ...inTask, message: "m", by: "owner", text: "hi" }, 50),
      event({ kind: "reply", ...inTask, text: "Hello.", label: TRUSTED }, 51),
      transcript(50, { kind: "said", label: TRUSTED, by: "owner", text: "hi" }),
    );
    expect(entries(state)).toMatchObject([{ kind: "said", text: "hi" }, { kind: "reply", text: "Hello." }]);
  });

  it("gives the same conversation as the events did", () => {
    const label = DIRTY;
    const state = play(transcript(10,
      { kind: "said", label: TRUSTED, by: "owner", text: "mail?" },
      { kind: "answered", label, text: "Looking.", calls: [{ call_id: "c", tool: "shell.run", arguments: '{"command":"curl x","n":1}' }, { call_id: "d", tool: "x", arguments: "not json" }] },
      { kind: "result", label, call_id: "c", tool: "shell.run", text: "refused", failed: true, rules: [{ verdict: "deny", id: "floor.x", why: "…" }] },
      { kind: "asked", label, call_id: "d", question: "q" },
      { kind: "result", label, call_id: "d", tool: "x", text: "done", failed: false, rules: [] },
      { kind: "answered", label, text: "All well.", calls: [] },
      { kind: "replied", label, text: "All well." },
    ));
    expect(entries(state)).toMatchObject([
      { kind: "said" },
      { kind: "words", text: "Looking." },
      { kind: "call", call: { verdict: "deny", arguments: [{ name: "command", value: "curl x" }, { name: "n", value: "1" }] } },
      { kind: "call", call: { verdict: "ask", answer: "approve", arguments: [{ name: "as written", value: "not json" }] } },
      { kind: "reply", text: "All well." },
    ]);
  });

  it("shows a plan once, however it is told", () => {
    const grants = ["run `touch made.txt`, once"];
    const state = play(
      transcript(10, { kind: "said", label: TRUSTED, by: "owner", text: "tidy up" }, { kind: "planned", label: TRUSTED, grants, why: "" }),
      event({ kind: "planned", ...inTask, grants, why: "" }, 11),
    );
    expect(entries(state)).toMatchObject([{ kind: "said" }, { kind: "plan", grants, why: "" }]);
  });

  it("may be newer than its number: what it holds is not told twice", () => {
    const state = play(
      { type: "sessions", sessions: [SESSION] },
      { type: "sending", session: "s", message: { id: "m", text: "hi" }, time: 1 },
      { type: "sent", session: "s", id: "m" },
      transcript(50,
        { kind: "said", label: TRUSTED, by: "owner", text: "hi" },
        { kind: "answered", label: TRUSTED, text: "", calls: [{ call_id: "c", tool: "mail.send", arguments: "{}" }] },
        { kind: "answered", label: TRUSTED, text: "Hello.", calls: [] },
        { kind: "replied", label: TRUSTED, text: "Hello." },
      ),
      event({ kind: "accepted", ...inTask, message: "m", by: "owner", text: "hi" }, 51),
      event(call, 52),
      event({ kind: "draft", ...inTask, step: 1, text: "Hel" }, 53),
      event({ kind: "reply", ...inTask, text: "Hello.", label: TRUSTED }, 54),
      event({ kind: "ended", ...inTask, state: "done", why: "" }, 55),
    );
    expect(entries(state).map((entry) => entry.kind)).toEqual(["said", "call", "reply"]);
    expect(chatOf(state.chats, "s").draft).toBeUndefined();
  });

  it("that ends in a model's last words and was read before the reply shows them once, and as over", () => {
    const state = play(
      { type: "sessions", sessions: [SESSION] },
      event({ kind: "accepted", ...inTask, message: "m", by: "owner", text: "hi" }, 40),
      event({ kind: "reply", ...inTask, text: "Hello.", label: TRUSTED }, 51),
      event({ kind: "ended", ...inTask, state: "done", why: "" }, 52),
      { ...transcript(50, { kind: "said", label: TRUSTED, by: "owner", text: "hi" }, { kind: "answered", label: TRUSTED, text: "Hello.", calls: [] }) },
      { type: "sessions", sessions: [{ ...SESSION, updated: 41, state: "running" }] },
    );
    expect(entries(state).map((entry) => entry.kind)).toEqual(["said", "reply"]);
    expect(state.sessions?.[0]?.state).toBe("done");
  });

  it("that was read before a message was taken keeps the message", () => {
    const sent: readonly Change[] = [{ type: "sending", session: "s", message: { id: "m", text: "hi" }, time: 1 }, { type: "sent", session: "s", id: "m" }];
    expect(entries(play(...sent, transcript(50)))).toMatchObject([{ kind: "said", text: "hi", delivery: "taken" }]);
    const told = event({ kind: "accepted", ...inTask, message: "m", by: "owner", text: "hi" }, 51);
    expect(entries(play(...sent, told, transcript(50)))).toHaveLength(1);
    expect(entries(play(...sent, transcript(50), told))).toHaveLength(1);
    expect(entries(play(...sent, told, transcript(51, { kind: "said", label: TRUSTED, by: "owner", text: "hi" })))).toHaveLength(1);
  });

  it("takes from the events what it does not hold itself", () => {
    const state = play(
      event(call, 40),
      event({ kind: "decided", ...inTask, call_id: "c", verdict: "allow", rules: [], label: DIRTY }, 41),
      event({ kind: "progress", ...inTask, call_id: "c", text: "half", percent: 50 }, 42),
      event({ kind: "draft", ...inTask, step: 0, text: "over" }, 43),
      event({ kind: "draft", ...inTask, step: 1, text: "Once " }, 44),
      event({ kind: "draft", ...inTask, step: 1, text: "upon" }, 45),
      transcript(45, { kind: "answered", label: TRUSTED, text: "over", calls: [{ call_id: "c", tool: "mail.send", arguments: "{}" }] }),
    );
    expect(entries(state)).toMatchObject([{ kind: "words" }, { call: { effect: "send", verdict: "allow", progress: { text: "half", percent: 50 } } }]);
    expect(chatOf(state.chats, "s").draft).toEqual({ task: "t", step: 1, text: "Once upon" });
    const over = play(event({ kind: "draft", ...inTask, step: 0, text: "x" }, 40), transcript(45, { kind: "answered", label: TRUSTED, text: "x", calls: [] }, { kind: "replied", label: TRUSTED, text: "x" }));
    expect(chatOf(over.chats, "s").draft).toBeUndefined();
  });

  it("an event that arrives after the transcript that holds it adds what only events tell", () => {
    const state = play(
      { type: "sessions", sessions: [SESSION] },
      transcript(50, { kind: "answered", label: TRUSTED, text: "", calls: [{ call_id: "c", tool: "mail.send", arguments: "{}" }] }),
      event({ kind: "draft", ...inTask, step: 0, text: "over" }, 44),
      event({ kind: "decided", ...inTask, call_id: "c", verdict: "allow", rules: [], label: DIRTY }, 45),
      event({ kind: "draft", ...inTask, step: 1, text: "new" }, 50),
    );
    expect(entries(state)).toMatchObject([{ call: { verdict: "allow", under: DIRTY } }]);
    expect(chatOf(state.chats, "s").draft?.text).toBe("new");
  });

  it("keeps what is not sent yet", () => {
    const state = play(
      transcript(10),
      { type: "sending", session: "s", message: { id: "m", text: "hi" }, time: 5 },
      transcript(11),
    );
    expect(entries(state)).toMatchObject([{ kind: "said", delivery: "sending", text: "hi" }]);
  });
});

describe("messages of the owner", () => {
  const sending: Change = { type: "sending", session: "s", message: { id: "m", text: "hi" }, time: 5 };
  it("show at once, and are the same when they are taken", () => {
    seq = 100;
    const state = opened(sending, event({ kind: "accepted", ...inTask, message: "m", by: "owner", text: "hi" }), { type: "sent", session: "s", id: "m" });
    expect(entries(state)).toEqual([{ kind: "said", key: "said-m", task: "t", by: "owner", text: "hi", time: 5, delivery: "taken" }]);
  });

  it("that failed say why, and can be sent again or removed", () => {
    const fault = { code: "locked_down", message: "everything is stopped" };
    const failed = opened(sending, { type: "send-failed", session: "s", id: "m", fault });
    expect(entries(failed)).toMatchObject([{ delivery: "failed", fault }]);
    expect(entries(reduce(failed, sending))).toEqual([{ kind: "said", key: "said-m", by: "owner", text: "hi", time: 5, delivery: "sending" }]);
    expect(entries(reduce(failed, { type: "unsend", session: "s", id: "m" }))).toEqual([]);
  });
});

describe("questions", () => {
  it("are asked, answered, and known to be answered", () => {
    seq = 100;
    const asked = opened(event(call), event({ kind: "asked", question, call_id: "c" }));
    expect(asked.pending).toEqual([{ question }]);
    expect(asked.sessions?.[0]?.state).toBe("waiting");
    expect(asked.announcement).toMatchObject({ urgency: "assertive", text: "Approval needed: Send" });
    const answered = reduce(asked, event({ kind: "answered", session: "s", question: "q", answer: "approve" }));
    expect(answered.pending).toEqual([]);
    expect(entries(answered)).toMatchObject([{ call: { verdict: "ask", question: "q", answer: "approve" } }]);
    const again = reduce(answered, event({ kind: "decided", ...inTask, call_id: "c", verdict: "allow", rules: [], label: DIRTY }));
    expect(entries(again)).toMatchObject([{ call: { verdict: "ask" } }]);
  });

  it("a list that is older than the events neither loses nor revives one", () => {
    const other = { ...question, id: "old" };
    const state = play(
      event({ kind: "asked", question, call_id: "c" }, 5),
      event({ kind: "answered", session: "s", question: "old", answer: "deny" }, 6),
      { type: "questions", questions: [other] },
    );
    expect(state.pending).toEqual([{ question }]);
  });

  it("that lapse say so", () => {
    seq = 100;
    const state = opened(event(call), event({ kind: "asked", question, call_id: "c" }), event({ kind: "answered", session: "s", question: "q" }));
    expect(entries(state)).toMatchObject([{ call: { answer: "lapsed" } }]);
  });

  it("an answer that did not arrive can be given again", () => {
    const state = play({ type: "questions", questions: [question] }, { type: "answering", question: "q", answer: "deny" }, { type: "answer-failed", question: "q", fault: { code: "failed", message: "x" } });
    expect(state.pending).toEqual([{ question, fault: { code: "failed", message: "x" } }]);
  });
});

describe("bounds", () => {
  it("audit records are kept in order, once, and not without end", () => {
    const record = (at: number) => ({ seq: at, time: at, kind: "intent", hash: String(at) });
    const page = Array.from({ length: AUDIT_RECORDS_MAX }, (_, at) => record(at + 1));
    const state = play({ type: "audit", records: page, older: false }, event({ kind: "audit", record: record(2) }, 1), event({ kind: "audit", record: record(AUDIT_RECORDS_MAX + 1) }, 2));
    expect(state.audit.records).toHaveLength(AUDIT_RECORDS_MAX);
    expect(state.audit.records[0]?.seq).toBe(2);
    expect(state.audit.records.at(-1)?.seq).toBe(AUDIT_RECORDS_MAX + 1);
  });

  it("a record that came while the page of the log was on its way is not lost", () => {
    const record = (at: number) => ({ seq: at, time: at, kind: "intent", hash: String(at) });
    const state = play(event({ kind: "audit", record: record(3) }, 5), { type: "audit", records: [record(1), record(2)], older: false }, event({ kind: "audit", record: record(4) }, 6));
    expect(state.audit.records.map((one) => one.seq)).toEqual([1, 2, 3, 4]);
  });

  it("the newest events are kept, not all", () => {
    let state = START;
    for (let at = 1; at <= RECENT_EVENTS_MAX + 10; at += 1) state = reduce(state, event({ kind: "label", session: "s", label: TRUSTED }, at));
    expect(state.recent).toHaveLength(RECENT_EVENTS_MAX);
  });

  it("the same notice is counted, and many are cut", () => {
    const notice = (message: string): Change => ({ type: "notice", fault: { code: "failed", message } });
    expect(play(notice("a"), notice("a")).notices).toMatchObject([{ count: 2 }]);
    expect(play(...["a", "b", "c", "d", "e", "f"].map(notice)).notices.map((one) => one.fault.message)).toEqual(["c", "d", "e", "f"]);
  });
});

it("a list that is older than an event does not make a label look better", () => {
  const state = play(event({ kind: "label", session: "s", label: DIRTY }, 5), { type: "sessions", sessions: [SESSION] });
  expect(state.sessions?.[0]?.label).toEqual(DIRTY);
  expect(play(event({ kind: "label", session: "s", label: TRUSTED }, 5), { type: "sessions", sessions: [{ ...SESSION, label: DIRTY }] }).sessions?.[0]?.label).toEqual(DIRTY);
});

it("lockdown is announced when it begins", () => {
  const status = { version: "0", ready: true, lockdown: false, isolation: { level: "full" }, proofs: [], model: { name: "m", kind: "builtin" }, home: "/h", sample_mailbox: false };
  const state = play({ type: "status", status }, event({ kind: "status", status: { ...status, lockdown: true } }, 1));
  expect(state.announcement).toMatchObject({ urgency: "assertive", text: "Locked down: everything is stopped." });
});
