import { afterEach, describe, expect, it, vi } from "vitest";
import { decodeBody, decodeFrame, decodeTranscript, MalformedError } from "./decode.ts";
import { Status } from "./schema.ts";

afterEach(() => vi.restoreAllMocks());

const label = { integrity: "untrusted", tier: "medium", sources: ["mail:x@y.example"] };
const head = { type: "event", seq: 7, time: 1_800_000_000_000 };
const inTask = { session: "s", task: "t" };
const question = {
  id: "q", ...inTask, title: "Send a mail", text: "to: a@b.example", rules: [], tool: "mail.send", effect: "send",
  arguments: [{ name: "to", value: "a@b.example", role: "authority" }], label, asked: 1, expires: 2,
};
const status = {
  version: "0.1.0", ready: true, lockdown: false, isolation: { level: "full" }, proofs: [{ name: "egress", state: "holds", detail: "refused" }],
  model: { name: "builtin", kind: "builtin" }, home: "/home/anna/.hardshell", sample_mailbox: true,
};

const GOOD: readonly Record<string, unknown>[] = [
  { type: "welcome", version: 1, seq: 0, resumed: false },
  { type: "error", about: "m-1", error: { code: "locked_down", message: "everything is stopped", hint: "…", rules: [{ verdict: "deny", id: "floor.lockdown", why: "…" }] } },
  { type: "pong" },
  { ...head, kind: "accepted", ...inTask, message: "m-1", by: "owner", text: "hi" },
  { ...head, kind: "draft", ...inTask, step: 0, text: "he" },
  { ...head, kind: "call", ...inTask, call_id: "c", tool: "shell.run", arguments: [{ name: "command", value: "ls", role: "authority" }], effect: "execute" },
  { ...head, kind: "decided", ...inTask, call_id: "c", verdict: "deny", rules: [{ verdict: "deny", id: "floor.x", why: "…" }], label },
  { ...head, kind: "progress", ...inTask, call_id: "c", text: "half", percent: 50 },
  { ...head, kind: "progress", ...inTask, call_id: "c", text: "half" },
  { ...head, kind: "result", ...inTask, call_id: "c", text: "x", failed: false, label },
  { ...head, kind: "asked", question, call_id: "c" },
  { ...head, kind: "answered", session: "s", question: "q", answer: "always" },
  { ...head, kind: "answered", session: "s", question: "q" },
  { ...head, kind: "reply", ...inTask, text: "hello", label },
  { ...head, kind: "ended", ...inTask, state: "failed", why: "no credit" },
  { ...head, kind: "label", session: "s", label },
  { ...head, kind: "audit", record: { seq: 1, time: 1, kind: "intent", hash: "00", anything: [1] } },
  { ...head, kind: "status", status },
];

describe("frames", () => {
  it.each(GOOD.map((frame) => [`${String(frame["type"])} ${String(frame["kind"] ?? "")}`, frame] as const))("%s is read whole", (_, frame) => {
    expect(decodeFrame(JSON.stringify(frame))).toEqual({ kind: "frame", frame });
  });

  it("each known frame without one of its fields is malformed, and none throws", () => {
    const optional = new Set(["about", "answer", "percent", "id", "hint", "rules"]);
    for (const frame of GOOD) {
      for (const field of Object.keys(frame)) {
        if (optional.has(field)) continue;
        const { [field]: _, ...rest } = frame;
        const decoded = decodeFrame(JSON.stringify(rest));
        expect(decoded.kind, `${JSON.stringify(frame)} without ${field}`).toBe("malformed");
      }
    }
  });

  it("a field of a wrong type is malformed, and its value is not repeated", () => {
    const decoded = decodeFrame(JSON.stringify({ ...head, kind: "draft", ...inTask, step: 0, text: { secret: "hunter2" } }));
    expect(decoded).toEqual({ kind: "malformed", why: "event `draft`: `text` should be string" });
  });

  it("fields of a later version are passed over", () => {
    expect(decodeFrame(JSON.stringify({ type: "pong", mood: "good" }))).toEqual({ kind: "frame", frame: { type: "pong" } });
  });

  it("frames and events of a later version are unknown, not wrong", () => {
    expect(decodeFrame('{"type":"weather"}').kind).toBe("unknown");
    expect(decodeFrame(JSON.stringify({ ...head, kind: "applause" })).kind).toBe("unknown");
  });

  it.each(["", "{", "null", "[]", "7", '"x"', '{"type":7}', "{}", '{"type":"event"}', '{"type":"welcome","version":2,"seq":0,"resumed":true}', '{"type":"event","kind":"label","seq":-1,"time":0,"session":"s"}'])(
    "%s is malformed",
    (text) => expect(decodeFrame(text).kind).toBe("malformed"),
  );
});

describe("bodies", () => {
  it("a body that is not as it should be names the field", () => {
    const { home: _, ...rest } = status;
    expect(() => decodeBody(Status, rest, "status")).toThrow(new MalformedError("status is not as expected: `home` should be \"home\""));
  });

  it("a transcript leaves out items of a later version and refuses broken ones", () => {
    const session = { id: "s", title: "", channel: "web", created: 1, updated: 1, label };
    const base = { task: "t", time: 1, label };
    const debug = vi.spyOn(console, "debug").mockImplementation(() => {});
    const good = { session, label, seq: 4, items: [{ ...base, number: 1, kind: "said", by: "owner", text: "hi" }, { ...base, number: 2, kind: "sung", tune: "la" }] };
    expect(decodeTranscript(good).items.map((item) => item.kind)).toEqual(["said"]);
    expect(debug).toHaveBeenCalledOnce();
    expect(() => decodeTranscript({ ...good, items: [{ ...base, number: 1, kind: "said", by: "owner" }] })).toThrow(MalformedError);
  });
});
