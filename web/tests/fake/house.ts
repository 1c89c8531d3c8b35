/**
 * A gateway for the tests of the page: serves web/dist under the real security headers and speaks docs/api.md strictly.
 * What a conversation does is told to it by the test, event by event.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer, type WebSocket } from "ws";
import type { ApprovalStats, AuditRecord, Command, Event, Fault, Item, Label, Question, Receiver, Rule, Session, Status } from "../../src/wire/schema.ts";
import { COMMANDS, RECEIVERS, STATS, STATUS, TRUSTED, demo } from "./words.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const COOKIE = "hardshell-test=good";
const BODY_BYTES_MAX = 300_000;

type Distribute<T> = T extends unknown ? Omit<T, "type" | "seq" | "time"> : never;
/** An event without its number and time. */
export type Happening = Distribute<Event>;
type DistributeItem<T> = T extends unknown ? Omit<T, "number" | "time"> : never;
/** A transcript item without its number and time. */
export type Told = DistributeItem<Item>;

/** What a message that came in looks like to the test. */
export interface Incoming {
  readonly session: string;
  readonly task: string;
  readonly id: string;
  readonly text: string;
  readonly quoted?: string;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly fault: Fault,
    readonly retryAfterSeconds?: number,
  ) {
    super(fault.message);
  }
}

/** The server. */
export class FakeHouse {
  status: Status = STATUS;
  commands: readonly Command[] = COMMANDS;
  sessions: Session[] = [];
  items = new Map<string, Item[]>();
  questions: Question[] = [];
  records: AuditRecord[] = [];
  receivers: readonly Receiver[] = RECEIVERS;
  stats: ApprovalStats = STATS;
  /** Called for each message that is taken for the first time. */
  onMessage: (message: Incoming) => void = () => {};
  /** Called for each answer that counts. */
  onAnswer: (question: Question, answer: "approve" | "deny" | "always") => void = () => {};
  onCancel: (session: string) => void = () => {};
  /** What the next message is refused with. */
  refuseNext: Fault | undefined;
  /** Every message that arrived, repeats included. */
  readonly received: Incoming[] = [];
  /** How long whoever shows a link has to wait, in seconds. */
  lockedOut: number | undefined;
  readonly #tokens = new Set<string>();
  #links = 0;
  readonly #taken = new Map<string, string>();
  readonly #sockets = new Set<WebSocket>();
  readonly #events: Event[] = [];
  readonly #rules = new Map<string, Rule[]>();
  #said = "";
  #seq = 1_000;
  #tasks = 0;
  #signedIn = true;
  #server: Server | undefined;
  #port = 0;

  /** Starts on a free port of the loopback interface, or on the one it had. */
  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#serve(request, response));
    const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
    server.on("upgrade", (request, socket, head) => {
      if (request.url !== "/api/v1/ws" || !this.#knows(request) || request.headers.origin !== this.url) {
        socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => this.#greet(client));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  /** Stops answering; `start` begins again with everything it knew. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    this.#sockets.clear();
    this.#server?.closeAllConnections();
    await new Promise<void>((resolve) => (this.#server === undefined ? resolve() : this.#server.close(() => resolve())));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** A link that is good once. */
  link(): string {
    this.#links += 1;
    const token = `token-${this.#links}-${"x".repeat(24)}`;
    this.#tokens.add(token);
    return `${this.url}/#token=${token}`;
  }

  /** Whether `link` was exchanged. */
  isSpent(link: string): boolean {
    return !this.#tokens.has(link.slice(link.indexOf("=") + 1));
  }

  /** Takes every sign-in back. */
  revoke(): void {
    this.#signedIn = false;
    for (const socket of this.#sockets) socket.close(4001, "signed out");
  }

  addSession(session: Partial<Session> & { readonly id: string }): Session {
    const now = Date.now();
    const whole: Session = { title: "", channel: "web", created: now, updated: now, label: TRUSTED, ceiling: "high", ...session };
    this.sessions.push(whole);
    this.items.set(whole.id, []);
    return whole;
  }

  /** Adds to a transcript without telling the sockets. */
  tell(session: string, told: Told, time = Date.now()): void {
    const items = this.items.get(session) ?? [];
    items.push({ ...told, number: items.length + 1, time } as Item);
    this.items.set(session, items);
  }

  /** Something happens: every socket is told. */
  emit(happening: Happening): void {
    this.#seq += 1;
    const event = { ...happening, type: "event", seq: this.#seq, time: Date.now() } as Event;
    if (event.kind === "asked") this.questions.push(event.question);
    if (event.kind === "label") this.sessions = this.sessions.map((one) => (one.id === event.session ? { ...one, label: event.label } : one));
    if (event.kind === "audit") this.records.push(event.record);
    if (event.kind === "status") this.status = event.status;
    this.#write(event);
    this.#events.push(event);
    for (const socket of this.#sockets) socket.send(JSON.stringify(event));
  }

  /** A transcript holds what the events told, as the real one does. */
  #write(event: Event): void {
    switch (event.kind) {
      case "call": {
        const given = JSON.stringify(Object.fromEntries(event.arguments.map((argument) => [argument.name, argument.value])));
        this.tell(event.session, { kind: "answered", task: event.task, label: TRUSTED, text: this.#said, calls: [{ call_id: event.call_id, tool: event.tool, arguments: given }] });
        this.#said = "";
        return;
      }
      case "draft":
        this.#said += event.text;
        return;
      case "decided":
        this.#rules.set(`${event.task} ${event.call_id}`, event.rules);
        return;
      case "result": {
        const tool = (this.items.get(event.session) ?? []).flatMap((item) => (item.kind === "answered" ? item.calls : [])).find((call) => call.call_id === event.call_id)?.tool;
        const rules = this.#rules.get(`${event.task} ${event.call_id}`) ?? [];
        this.tell(event.session, { kind: "result", task: event.task, label: event.label, call_id: event.call_id, tool: tool ?? "", text: event.text, failed: event.failed, rules });
        return;
      }
      case "asked":
        this.setTaskState(event.question.session, "waiting");
        this.tell(event.question.session, { kind: "asked", task: event.question.task, label: event.question.label, call_id: event.call_id, question: event.question.id });
        return;
      case "reply":
        this.#said = "";
        this.tell(event.session, { kind: "replied", task: event.task, label: event.label, text: event.text });
        return;
      case "ended":
        this.#said = "";
        this.setTaskState(event.session, event.state);
        if (event.state !== "done") this.tell(event.session, { kind: "ended", task: event.task, label: TRUSTED, state: event.state, why: event.why });
        return;
      case "accepted":
      case "progress":
      case "answered":
      case "label":
      case "audit":
      case "status":
    }
  }

  /** Sends anything to every socket, for frames that no gateway should send. */
  sendRaw(text: string): void {
    for (const socket of this.#sockets) socket.send(text);
  }

  /** One more record, chained to the last. */
  record(fields: Readonly<Record<string, unknown>> & { readonly kind: string }): AuditRecord {
    const last = this.records.at(-1);
    const seq = (last?.seq ?? 0) + 1;
    const hash = (seq * 2_654_435_761).toString(16).padStart(64, "0");
    return { seq, time: Date.now(), prev: last?.hash ?? "0".repeat(64), hash, ...fields };
  }

  setTaskState(session: string, state: Session["state"], label?: Label): void {
    this.sessions = this.sessions.map((one) => (one.id === session ? { ...one, ...(state === undefined ? {} : { state }), ...(label === undefined ? {} : { label }) } : one));
  }

  nextTask(): string {
    this.#tasks += 1;
    return `task-${this.#tasks}`;
  }

  #knows(request: IncomingMessage): boolean {
    return this.#signedIn && (request.headers.cookie ?? "").split("; ").includes(COOKIE);
  }

  #greet(socket: WebSocket): void {
    let greeted = false;
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as { type: string; after?: number; id?: string };
      if (!greeted) {
        if (frame.type !== "hello") return socket.close(4000, "no hello");
        greeted = true;
        const missed = frame.after === undefined ? [] : this.#events.filter((event) => event.seq > (frame.after ?? 0));
        // Whoever has nothing yet has missed nothing.
        const resumed = frame.after === undefined || (missed[0]?.seq ?? frame.after + 1) === frame.after + 1;
        socket.send(JSON.stringify({ type: "welcome", version: 1, seq: this.#seq, resumed }));
        if (resumed) for (const event of missed) socket.send(JSON.stringify(event));
        this.#sockets.add(socket);
        return;
      }
      if (frame.type === "ping") socket.send(JSON.stringify({ type: "pong", ...(frame.id === undefined ? {} : { id: frame.id }) }));
      else socket.send(JSON.stringify({ type: "error", error: { code: "invalid", message: `no frame of type ${frame.type} is expected from the page` } }));
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("content-security-policy", POLICY);
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("referrer-policy", "no-referrer");
    const url = new URL(request.url ?? "/", this.url);
    try {
      if (url.pathname.startsWith("/api/v1/")) {
        const [status, body] = await this.#api(request, url, response);
        response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
        response.end(body === undefined ? undefined : JSON.stringify(body));
        return;
      }
      if (url.pathname === "/readyz") return this.#readiness(response);
      this.#file(url.pathname, response);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, { code: "failed", message: String(error) });
      response.writeHead(refusal.status, {
        "content-type": "application/json",
        ...(refusal.retryAfterSeconds === undefined ? {} : { "retry-after": String(refusal.retryAfterSeconds) }),
      });
      response.end(JSON.stringify({ error: refusal.fault }));
    }
  }

  /** Names alone: the details are for whoever has signed in. */
  #readiness(response: ServerResponse): void {
    const { ready, lockdown } = this.status;
    response.writeHead(ready ? 200 : 503, { "content-type": "application/json" });
    response.end(JSON.stringify({ ready, reasons: ready ? [] : [{ name: lockdown ? "lockdown" : "proofs" }] }));
  }

  #file(path: string, response: ServerResponse): void {
    const name = extname(path) === "" ? "index.html" : normalize(path).replace(/^\/+/u, "");
    let bytes: Buffer;
    try {
      bytes = readFileSync(join(DIST, name));
    } catch {
      throw new Refusal(404, { code: "not_found", message: `no page ${path}` });
    }
    response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream", "cache-control": "no-store" });
    response.end(bytes);
  }

  async #api(request: IncomingMessage, url: URL, response: ServerResponse): Promise<readonly [number, unknown]> {
    const path = url.pathname.slice("/api/v1/".length);
    const route = `${request.method ?? ""} ${path.replace(/^(sessions|approvals)\/[^/]+/u, "$1/ID")}`;
    const id = decodeURIComponent(path.split("/")[1] ?? "");
    if (request.method !== "GET") {
      if (request.headers.origin !== this.url) throw new Refusal(403, { code: "wrong_origin", message: "the request comes from another site" });
      if (request.headers["content-type"] !== "application/json") throw new Refusal(415, { code: "wrong_type", message: "the body is not application/json" });
    }
    const body = request.method === "GET" ? {} : await readBody(request);
    if (route === "POST sign-in") return this.#signIn(only(body, ["token"]), response);
    if (!this.#knows(request)) throw new Refusal(401, { code: "not_signed_in", message: "there is no sign-in", hint: "Run `hardshell sign-in` for a link." });
    const signedIn = { id: "browser-1", principal: "owner", scopes: ["chat", "read", "approve", "audit", "metrics"] };
    switch (route) {
      case "GET sign-in":
        return [200, signedIn];
      case "POST sign-out":
        this.#signedIn = false;
        return [204, undefined];
      case "GET status":
        return [200, this.status];
      case "GET sessions":
        return [200, { sessions: [...this.sessions].sort((one, other) => other.updated - one.updated) }];
      case "POST sessions":
        only(body, ["title"]);
        return [201, this.addSession({ id: `s-${this.sessions.length + 1}` })];
      case "GET sessions/ID":
        return [200, { session: this.#session(id), label: this.#session(id).label, items: this.items.get(id) ?? [], seq: this.#seq }];
      case "POST sessions/ID/messages":
        return this.#message(id, only(body, ["id", "text", "quoted"]));
      case "POST sessions/ID/cancel":
        this.#session(id);
        this.onCancel(id);
        return [200, { cancelled: true }];
      case "POST sessions/ID/ceiling":
        return this.#ceiling(id, only(body, ["ceiling"]));
      case "GET approvals/ID":
        if (path !== "approvals/stats") throw new Refusal(404, { code: "not_found", message: `no route ${path}` });
        return [200, this.#stats(url.searchParams)];
      case "GET shipping":
        return [200, { receivers: this.receivers }];
      case "GET approvals":
        return [200, { questions: this.questions }];
      case "POST approvals":
        return this.#answerAll(only(body, ["questions", "answer"]));
      case "POST approvals/ID":
        return this.#answer(id, only(body, ["answer"]));
      case "GET audit":
        return this.#audit(url.searchParams);
      case "POST lockdown":
        this.status = { ...this.status, lockdown: true, ready: false };
        return [200, this.status];
      case "POST demo":
        return [200, demo(only(body, ["name", "without"]))];
      case "GET commands":
        return [200, { commands: this.commands }];
      default:
        throw new Refusal(404, { code: "not_found", message: `no route ${route}` });
    }
  }

  #signIn(body: Body, response: ServerResponse): readonly [number, unknown] {
    if (this.lockedOut !== undefined) {
      const fault = { code: "too_many", message: "too many wrong credentials came from this address", hint: `wait ${this.lockedOut} seconds` };
      throw new Refusal(429, fault, this.lockedOut);
    }
    if (typeof body["token"] !== "string" || !this.#tokens.delete(body["token"])) {
      throw new Refusal(401, { code: "not_signed_in", message: "this link has been used or has expired" });
    }
    this.#signedIn = true;
    response.setHeader("set-cookie", `${COOKIE}; HttpOnly; SameSite=Strict; Path=/`);
    return [200, { id: "browser-1", principal: "owner", scopes: ["chat", "read", "approve", "audit", "metrics"] }];
  }

  #session(id: string): Session {
    const found = this.sessions.find((session) => session.id === id);
    if (found === undefined) throw new Refusal(404, { code: "not_found", message: `no session \`${id}\`` });
    return found;
  }

  #ceiling(id: string, body: Body): readonly [number, unknown] {
    const { ceiling } = body;
    if (ceiling !== "low" && ceiling !== "medium" && ceiling !== "high") throw new Refusal(400, { code: "invalid", message: "no such tier" });
    this.#session(id);
    this.sessions = this.sessions.map((one) => (one.id === id ? { ...one, ceiling } : one));
    return [200, this.#session(id)];
  }

  #stats(query: URLSearchParams): ApprovalStats {
    const days = Number(query.get("days") ?? 30);
    if (!Number.isInteger(days) || days < 1 || days > 366) throw new Refusal(400, { code: "invalid", message: "the days are 1 to 366" });
    // A week has a part of what a month has.
    return days < 30 ? { ...this.stats, questions: 3, approved: 3, denied: 0, expired: 0, waiting: 0, per_day: 0.4 } : this.stats;
  }

  #message(session: string, body: Body): readonly [number, unknown] {
    const { id, text, quoted } = body;
    if (typeof id !== "string" || !/^[a-z0-9][a-z0-9._-]{0,127}$/u.test(id)) throw new Refusal(400, { code: "invalid", message: "the message id is not one" });
    if (typeof text !== "string" || (quoted !== undefined && typeof quoted !== "string")) throw new Refusal(400, { code: "invalid", message: "the text is missing" });
    this.#session(session);
    const known = this.#taken.get(id);
    const task = known ?? this.nextTask();
    const incoming: Incoming = { session, task, id, text, ...(quoted === undefined ? {} : { quoted }) };
    this.received.push(incoming);
    if (this.refuseNext !== undefined) {
      const fault = this.refuseNext;
      this.refuseNext = undefined;
      throw new Refusal(409, fault);
    }
    if (known !== undefined) return [202, { accepted: false, task }];
    this.#taken.set(id, task);
    this.sessions = this.sessions.map((one) => (one.id === session ? { ...one, title: one.title === "" ? text.slice(0, 60) : one.title, updated: Date.now(), state: "running" } : one));
    this.tell(session, { kind: "said", task, label: TRUSTED, by: "owner", text, ...(quoted === undefined ? {} : { quoted }) });
    this.emit({ kind: "accepted", session, task, message: id, by: "owner", text });
    this.onMessage(incoming);
    return [202, { accepted: true, task }];
  }

  #answer(id: string, body: Body): readonly [number, unknown] {
    const { answer } = body;
    const question = this.questions.find((one) => one.id === id);
    if (question === undefined) throw new Refusal(409, { code: "conflict", message: "this question is already answered" });
    if (answer !== "approve" && answer !== "deny" && answer !== "always") throw new Refusal(400, { code: "invalid", message: "no such answer" });
    if (answer === "always" && question.always === undefined) throw new Refusal(400, { code: "invalid", message: "this question offers no standing rule" });
    this.questions = this.questions.filter((one) => one.id !== id);
    this.emit({ kind: "answered", session: question.session, question: id, answer });
    this.onAnswer(question, answer);
    return [200, { question: id, answer }];
  }

  #answerAll(body: Body): readonly [number, unknown] {
    const { questions, answer } = body;
    if (!Array.isArray(questions) || questions.length === 0 || new Set(questions).size !== questions.length) throw new Refusal(400, { code: "invalid", message: "each question is named once" });
    if (answer !== "approve" && answer !== "deny") throw new Refusal(400, { code: "invalid", message: "no such answer" });
    const missing = questions.find((id) => !this.questions.some((one) => one.id === id));
    if (missing !== undefined) throw new Refusal(404, { code: "not_found", message: `no question \`${String(missing)}\`` });
    for (const id of questions) this.#answer(String(id), { answer });
    return [200, { answered: questions.map((question) => ({ question, answer })) }];
  }

  #audit(query: URLSearchParams): readonly [number, unknown] {
    for (const name of query.keys()) {
      if (!["after", "before", "limit", "kind", "session", "tool", "since", "until"].includes(name)) throw new Refusal(400, { code: "invalid", message: `no field ${name}` });
    }
    const limit = Number(query.get("limit") ?? 100);
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) throw new Refusal(400, { code: "invalid", message: "the limit is 1 to 1000" });
    const kind = query.get("kind");
    const before = Number(query.get("before") ?? Number.MAX_SAFE_INTEGER);
    const found = this.records.filter((record) => record.seq < before && (kind === null || record.kind === kind));
    return [200, { records: found.slice(-limit), more: found.length > limit }];
  }
}

type Body = Readonly<Record<string, unknown>>;

async function readBody(request: IncomingMessage): Promise<Body> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_BYTES_MAX) throw new Refusal(413, { code: "too_large", message: "the body is too large" });
    parts.push(part);
  }
  const value: unknown = JSON.parse(Buffer.concat(parts).toString("utf8") || "{}");
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Refusal(400, { code: "invalid", message: "the body is no object" });
  return value as Body;
}

/** The server refuses fields that it does not know. */
function only(body: Body, names: readonly string[]): Body {
  const stranger = Object.keys(body).find((name) => !names.includes(name));
  if (stranger !== undefined) throw new Refusal(400, { code: "invalid", message: `unknown field \`${stranger}\`` });
  return body;
}
