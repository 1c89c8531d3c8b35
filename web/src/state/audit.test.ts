import { describe, expect, it } from "vitest";
import type { AuditRecord } from "../wire/schema.ts";
import { chainOf, fieldsOf, kindOf, rulesOf, summaryOf } from "./audit.ts";

const record = (seq: number, more: Readonly<Record<string, unknown>> = {}): AuditRecord => ({ seq, time: seq, kind: "intent", prev: `h${seq - 1}`, hash: `h${seq}`, ...more });

describe("the chain", () => {
  it.each([
    ["nothing", [], { kind: "empty" }],
    ["one record", [record(4)], { kind: "whole", links: 0, from: 4, to: 4 }],
    ["links that fit", [record(4), record(5), record(6)], { kind: "whole", links: 2, from: 4, to: 6 }],
    ["a record that was changed", [record(4), record(5, { prev: "other" }), record(6)], { kind: "broken", at: 5 }],
    ["a record that is missing", [record(4), record(6)], { kind: "gap", after: 4, next: 6 }],
    ["broken counts more than a gap", [record(4), record(6), record(7, { prev: "other" })], { kind: "broken", at: 7 }],
    ["no links given", [record(4), { ...record(5), prev: undefined }], { kind: "unchecked" }],
  ] as const)("%s", (_, records, chain) => expect(chainOf(records as readonly AuditRecord[])).toEqual(chain));
});

describe("a record in words", () => {
  it.each([
    ["an intent", { name: "shell.run", targets: ["command:df -h", "program:/usr/bin/df"] }, "Run a command · df -h"],
    ["an intent to several", { name: "mail.send", targets: ["to:a@b.example", "to:c@d.example"] }, "Send a mail · a@b.example and 1 more"],
    ["an intent with a program before its command", { name: "shell.run", targets: ["program:df", "command:df -h"] }, "Run a command · df -h"],
    ["a checkpoint", { kind: "checkpoint", signed_seq: 84 }, "signed up to record 84"],
    ["a message", { kind: "inbound", channel: "web", sender: "web:browser-1" }, "web:browser-1"],
    ["an outcome", { kind: "outcome", name: "mail.read", ending: "done", took_ms: 3 }, "Read a mail · done · 3 ms"],
    ["a refusal", { kind: "refusal", name: "web.fetch", targets: ["url:http://a.example"], rules: [{ verdict: "deny", id: "x", why: "No." }] }, "Fetch a page · http://a.example · No."],
    ["a sign-in", { kind: "sign_in", act: "locked_out", from: "127.0.0.1" }, "locked out · 127.0.0.1"],
    ["a kind of a later version", { kind: "eclipse", detail: "dark" }, "dark"],
    ["fields of wrong types", { name: 7, targets: "x", rules: [7], ending: {} }, ""],
  ] as const)("%s", (_, more, words) => expect(summaryOf(record(1, more))).toBe(words));

  it("a kind of a later version keeps its name", () => expect(kindOf("eclipse").word).toBe("eclipse"));

  it("rules that cannot be read are shown as they are", () => {
    const odd = record(1, { rules: [{ verdict: "perhaps" }] });
    expect(rulesOf(odd)).toBeUndefined();
    expect(fieldsOf(odd)).toContainEqual(["rules", '[\n  {\n    "verdict": "perhaps"\n  }\n]']);
  });
});
