/** Holds the state, and does what changes it from outside: asking the gateway, listening to it. */
import { createContext, useContext, useSyncExternalStore } from "react";
import { api, ApiError, faultOf } from "../wire/api.ts";
import type { Answer, Fault, SignedIn, Tier } from "../wire/schema.ts";
import { Socket } from "../wire/socket.ts";
import { saidKey } from "./chat.ts";
import { reduce, type Change } from "./reduce.ts";
import { START, type Entry, type OutReason, type State } from "./state.ts";

/** How many audit records are asked for at once: two screens. */
const AUDIT_PAGE_RECORDS = 200;

/** Pieces of a draft come faster than anyone reads; the page is drawn at most so often for them. */
const DRAFT_PACE_MILLISECONDS = 50;

/** The status of an answer to somebody who has to wait. */
const TOO_MANY = 429;

/** The one store of the page. */
export class Store {
  #state: State = START;
  readonly #watchers = new Set<() => void>();
  readonly #socket: Socket;
  #refreshing = false;
  #loaded = false;
  #later: ReturnType<typeof setTimeout> | undefined;
  /** The token of a link whose exchange is not over. It is kept here and nowhere else. */
  #token: string | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Which of several sign-ins counts: the one that was begun last. */
  #turn = 0;

  constructor() {
    this.#socket = new Socket({
      frame: (frame) => {
        switch (frame.type) {
          case "welcome":
            // The first time there is nothing to resume from, whatever the gateway can offer.
            if (!frame.resumed || !this.#loaded) void this.#reload();
            this.#loaded = true;
            void this.#resend();
            return;
          case "error":
            this.#change({ type: "notice", fault: frame.error });
            return;
          case "event":
            this.#change({ type: "event", event: frame });
            this.#noticeStranger(frame.kind === "accepted" ? frame.session : undefined);
            return;
          case "pong":
            return;
        }
      },
      link: (link) => this.#change({ type: "link", link }),
      malformed: (why) =>
        this.#change({
          type: "notice",
          fault: { code: "malformed", message: `Hardshell sent something that this page cannot read (${why})`, hint: "Load the page again; if it stays, page and program are of different versions." },
        }),
      signedOut: () => this.#signedOut("ended"),
    });
  }

  get state(): State {
    return this.#state;
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  /** Signs in with `token` from a link, or with the cookie that is there. What was begun before counts no more. */
  async start(token: string | undefined): Promise<void> {
    clearTimeout(this.#retry);
    this.#token = token;
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const as = token === undefined ? await api.signedIn() : await api.signIn(token);
      if (turn === this.#turn) this.#enter(as);
    } catch (error) {
      if (turn === this.#turn) await this.#notIn(error, turn);
    }
  }

  /** Tries once more what was tried last: the link that could not be looked at, or the cookie. */
  again = (): void => void this.start(this.#token);

  #enter(as: SignedIn): void {
    this.#token = undefined;
    this.#socket.close();
    this.#loaded = false;
    const before = this.#state.signIn;
    // What one person sees is not left on the screen of the next.
    if (before.kind === "in" && before.as.principal !== as.principal) this.#state = START;
    this.#change({ type: "sign-in", signIn: { kind: "in", as } });
    this.#socket.open();
  }

  async #notIn(error: unknown, turn: number): Promise<void> {
    const fault = faultOf(error);
    if (!(error instanceof ApiError) || error.isOffline || error.status >= 500) {
      if (this.#state.signIn.kind !== "in") return this.#change({ type: "sign-in", signIn: { kind: "unreachable", fault } });
      this.#token = undefined;
      this.#change({ type: "notice", fault });
    } else if (this.#token === undefined) {
      this.#out("never");
    } else {
      await this.#afterBadLink(error, this.#token, turn);
    }
  }

  /** A link that is not good does not end a sign-in that is: the browser may hold one from before. */
  async #afterBadLink(error: ApiError, token: string, turn: number): Promise<void> {
    try {
      const as = await api.signedIn();
      if (turn !== this.#turn) return;
      if (this.#state.signIn.kind === "in") this.#token = undefined;
      else this.#enter(as);
    } catch {
      if (turn !== this.#turn) return;
      const { retryAfterSeconds: seconds } = error;
      if (error.status !== TOO_MANY || seconds === undefined || token === "") return this.#out("bad-link", error.fault);
      const wait = seconds * 1_000;
      this.#change({ type: "sign-in", signIn: { kind: "waits", until: Date.now() + wait } });
      this.#retry = setTimeout(this.again, wait);
    }
  }

  /** Nobody is signed in. Where the stop switch is why, that is what is told. */
  #out(reason: OutReason, fault?: Fault): void {
    this.#token = undefined;
    this.#change({ type: "sign-in", signIn: { kind: "out", reason, ...(fault === undefined ? {} : { fault }) } });
    if (reason === "left" || reason === "locked") return;
    const shown = this.#state.signIn;
    const told = (locked: boolean) => {
      if (locked && this.#state.signIn === shown) this.#out("locked");
    };
    // A house that does not say is no house that is locked: what is shown stays.
    api.lockedDown().then(told, () => {});
  }

  async signOut(): Promise<void> {
    await this.#try(() => api.signOut());
    this.#signedOut("left");
  }

  reconnect = (): void => this.#socket.nudge();

  async newSession(): Promise<string | undefined> {
    const session = await this.#try(() => api.newSession());
    if (session !== undefined) this.#change({ type: "session", session });
    return session?.id;
  }

  async openChat(session: string): Promise<void> {
    this.#change({ type: "transcript-asked", session });
    try {
      const transcript = await api.transcript(session);
      this.#change({ type: "transcript", session, transcript });
    } catch (error) {
      this.#failed(error);
      this.#change({ type: "transcript-failed", session, fault: faultOf(error) });
    }
  }

  /** Sends a message. It is shown at once, and sent again under the same id until the gateway has it. */
  async send(session: string, text: string, quoted: string | undefined): Promise<void> {
    const message = { id: messageId(), text, ...(quoted === undefined ? {} : { quoted }) };
    this.#change({ type: "sending", session, message, time: Date.now() });
    await this.#deliver(session, message);
  }

  async sendAgain(session: string, entry: Extract<Entry, { kind: "said" }>): Promise<void> {
    const id = idOf(entry);
    const message = { id, text: entry.text, ...(entry.quoted === undefined ? {} : { quoted: entry.quoted }) };
    this.#change({ type: "sending", session, message, time: entry.time });
    await this.#deliver(session, message);
  }

  unsend(session: string, entry: Extract<Entry, { kind: "said" }>): void {
    this.#change({ type: "unsend", session, id: idOf(entry) });
  }

  async #deliver(session: string, message: { readonly id: string; readonly text: string; readonly quoted?: string }): Promise<void> {
    try {
      await api.send(session, message);
      this.#change({ type: "sent", session, id: message.id });
    } catch (error) {
      this.#failed(error);
      // While the gateway is away the message waits; it goes out when the connection is back.
      if (error instanceof ApiError && error.isOffline) return;
      this.#change({ type: "send-failed", session, id: message.id, fault: faultOf(error) });
    }
  }

  async #resend(): Promise<void> {
    for (const [session, chat] of Object.entries(this.#state.chats)) {
      for (const entry of chat.entries) {
        if (entry.kind === "said" && entry.delivery === "sending") await this.sendAgain(session, entry);
      }
    }
  }

  async cancel(session: string): Promise<void> {
    await this.#try(() => api.cancel(session));
  }

  /** Says what a session may read at most from here on. */
  async setCeiling(session: string, ceiling: Tier): Promise<void> {
    const changed = await this.#try(() => api.setCeiling(session, ceiling));
    if (changed !== undefined) this.#change({ type: "session", session: changed });
  }

  /** How often the owner was asked in the last `days`. */
  approvalStats(days: number) {
    return this.#try(() => api.approvalStats(days));
  }

  /** How it goes with whoever is sent the audit log. */
  receivers() {
    return this.#try(() => api.receivers());
  }

  /** Stops everything. The gateway signs this page out right after it has answered. */
  async lockDown(): Promise<void> {
    const status = await this.#try(() => api.lockDown());
    if (status !== undefined) this.#change({ type: "status", status });
  }

  async answer(question: string, answer: Answer): Promise<void> {
    this.#change({ type: "answering", question, answer });
    try {
      await api.answer(question, answer);
      if (this.#state.link.kind !== "open") this.#change({ type: "question-over", question });
    } catch (error) {
      this.#failed(error);
      const fault = faultOf(error);
      this.#change({ type: "answer-failed", question, fault });
      if (fault.code === "conflict" || fault.code === "not_found") {
        this.#change({ type: "question-over", question });
        this.#change({ type: "notice", fault });
      }
    }
  }

  /** One answer to everything on a sheet: exactly these questions, and none that came since. */
  async answerAll(questions: readonly string[], answer: "approve" | "deny"): Promise<void> {
    for (const question of questions) this.#change({ type: "answering", question, answer });
    try {
      await api.answerAll(questions, answer);
      if (this.#state.link.kind !== "open") for (const question of questions) this.#change({ type: "question-over", question });
    } catch (error) {
      this.#failed(error);
      const fault = faultOf(error);
      for (const question of questions) this.#change({ type: "answer-failed", question, fault });
      // One of them is over: what is left is shown as it is.
      await this.#try(async () => this.#change({ type: "questions", questions: await api.approvals() }));
      this.#change({ type: "notice", fault });
    }
  }

  async loadAudit(): Promise<void> {
    const page = await this.#try(() => api.audit({ limit: AUDIT_PAGE_RECORDS }));
    if (page !== undefined) this.#change({ type: "audit", records: page.records, older: page.more });
  }

  async loadOlderAudit(): Promise<void> {
    const first = this.#state.audit.records[0];
    if (first === undefined) return;
    const page = await this.#try(() => api.audit({ before: first.seq, limit: AUDIT_PAGE_RECORDS }));
    if (page !== undefined) this.#change({ type: "audit", records: page.records, older: page.more });
  }

  /** Records of one kind, newest page, for a view that shows only those. */
  auditOfKind(kind: string) {
    return this.#try(() => api.audit({ kind, limit: AUDIT_PAGE_RECORDS }));
  }

  dismiss(id: number): void {
    this.#change({ type: "dismiss", id });
  }

  /** Loads everything again: at the start, and when events were missed. Views that show the log ask for it themselves. */
  async #reload(): Promise<void> {
    this.#change({ type: "missed" });
    const open = Object.entries(this.#state.chats).filter(([, chat]) => chat.loaded !== "no");
    await Promise.all([
      this.#try(async () => this.#change({ type: "status", status: await api.status() })),
      this.#try(async () => this.#change({ type: "sessions", sessions: await api.sessions() })),
      this.#try(async () => this.#change({ type: "questions", questions: await api.approvals() })),
      this.#try(async () => this.#change({ type: "commands", commands: await api.commands() })),
      ...open.map(([session]) => this.openChat(session)),
    ]);
  }

  /** A message into a session that is not in the list: the list is old. */
  #noticeStranger(session: string | undefined): void {
    const { sessions } = this.#state;
    if (session === undefined || sessions === undefined || this.#refreshing) return;
    const known = sessions.find((one) => one.id === session);
    // The first words become the title.
    if (known !== undefined && known.title !== "") return;
    this.#refreshing = true;
    void this.#try(async () => this.#change({ type: "sessions", sessions: await api.sessions() })).finally(() => {
      this.#refreshing = false;
    });
  }

  async #try<T>(what: () => Promise<T>): Promise<T | undefined> {
    try {
      return await what();
    } catch (error) {
      if (!this.#failed(error)) this.#change({ type: "notice", fault: faultOf(error) });
      return undefined;
    }
  }

  /** Whether `error` is told elsewhere: by the sign-in page, or by the banner of a lost connection. */
  #failed(error: unknown): boolean {
    if (!(error instanceof ApiError)) return false;
    if (error.status === 401) this.#signedOut("ended");
    return error.status === 401 || (error.isOffline && this.#state.link.kind !== "open");
  }

  #signedOut(reason: "ended" | "left"): void {
    // Everything that was being asked at that moment is refused as well.
    if (reason === "ended" && this.#state.signIn.kind !== "in") return;
    const locked = this.#state.status?.lockdown === true;
    this.#socket.close();
    this.#loaded = false;
    this.#state = START;
    this.#out(reason === "ended" && locked ? "locked" : reason);
  }

  #change(change: Change): void {
    const next = reduce(this.#state, change);
    if (next === this.#state) return;
    this.#state = next;
    if (change.type === "event" && change.event.kind === "draft") this.#later ??= setTimeout(this.#tell, DRAFT_PACE_MILLISECONDS);
    else this.#tell();
  }

  readonly #tell = (): void => {
    clearTimeout(this.#later);
    this.#later = undefined;
    for (const watcher of this.#watchers) watcher();
  };
}

function idOf(entry: Extract<Entry, { kind: "said" }>): string {
  return entry.key.slice(saidKey("").length);
}

/** 128 random bits; `crypto.randomUUID` is not there on a plain-HTTP page behind a tunnel's own name. */
function messageId(): string {
  return `web-${Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

const StoreContext = createContext<Store | undefined>(undefined);
export const StoreProvider = StoreContext.Provider;

/** The store of the page. */
export function useStore(): Store {
  const store = useContext(StoreContext);
  if (store === undefined) throw new Error("no store around this part of the page");
  return store;
}

/** A part of the state, followed as it changes. `pick` must give the same object for the same state. */
export function useHouse<T>(pick: (state: State) => T): T {
  const store = useStore();
  return useSyncExternalStore(store.watch, () => pick(store.state));
}
