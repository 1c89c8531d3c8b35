/** Keeps one WebSocket to the gateway: says hello, resumes where it stopped, comes back after a loss. */
import { decodeFrame } from "./decode.ts";
import type { Frame } from "./schema.ts";

/** The first wait before trying again; each further one doubles. */
const RETRY_MILLISECONDS_MIN = 500;
const RETRY_MILLISECONDS_MAX = 15_000;
/** Silence longer than this means a dead connection that the system has not noticed. */
const PING_EVERY_MILLISECONDS = 20_000;
const PONG_WAIT_MILLISECONDS = 10_000;
/** The gateway's close code for a sign-in that is no longer good. */
const SIGNED_OUT = 4001;

/** How the connection stands. */
export type LinkState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  | { readonly kind: "lost"; readonly retryAt: number; readonly why: string };

/** Whom the socket tells what. */
export interface SocketListener {
  frame(frame: Frame): void;
  link(state: LinkState): void;
  malformed(why: string): void;
  signedOut(): void;
}

/** The connection. Made closed; `open` starts it, `close` ends it for good. */
export class Socket {
  readonly #listener: SocketListener;
  #socket: WebSocket | undefined;
  #after: number | undefined;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #ping: ReturnType<typeof setInterval> | undefined;
  #pong: ReturnType<typeof setTimeout> | undefined;
  #wanted = false;

  constructor(listener: SocketListener) {
    this.#listener = listener;
  }

  /** Connects, now. Also the way to try again before the wait is over. */
  open(): void {
    this.#wanted = true;
    clearTimeout(this.#retry);
    if (this.#socket !== undefined) return;
    this.#listener.link({ kind: "connecting" });
    const url = new URL("/api/v1/ws", window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ type: "hello", ...(this.#after === undefined ? {} : { after: this.#after }) }));
    });
    socket.addEventListener("message", (event) => {
      if (this.#socket === socket) this.#take(event.data);
    });
    socket.addEventListener("close", (event) => {
      if (this.#socket === socket) this.#closed(event.code, event.reason);
    });
  }

  /** Ends the connection and stays closed. */
  close(): void {
    this.#wanted = false;
    this.#after = undefined;
    clearTimeout(this.#retry);
    this.#hush();
    this.#socket?.close(1000);
    this.#socket = undefined;
  }

  /** Whether the waiting time may be cut short because the machine is online again or the page is looked at. */
  nudge(): void {
    if (this.#wanted && this.#socket === undefined) this.open();
  }

  #take(data: unknown): void {
    clearTimeout(this.#pong);
    if (typeof data !== "string") {
      this.#listener.malformed("a frame is not text");
      return;
    }
    const decoded = decodeFrame(data);
    switch (decoded.kind) {
      case "unknown":
        console.debug("passing over", decoded.what);
        return;
      case "malformed":
        this.#listener.malformed(decoded.why);
        return;
      case "frame":
        this.#known(decoded.frame);
    }
  }

  #known(frame: Frame): void {
    if (frame.type === "welcome") {
      this.#failures = 0;
      if (!frame.resumed || this.#after === undefined) this.#after = frame.seq;
      this.#ping = setInterval(() => this.#check(), PING_EVERY_MILLISECONDS);
      this.#listener.link({ kind: "open" });
    }
    if (frame.type === "event") this.#after = Math.max(this.#after ?? 0, frame.seq);
    this.#listener.frame(frame);
  }

  #check(): void {
    // One that is being closed takes nothing more; its end is told by itself.
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ type: "ping" }));
    clearTimeout(this.#pong);
    this.#pong = setTimeout(() => this.#socket?.close(4040, "no answer to a ping"), PONG_WAIT_MILLISECONDS);
  }

  #hush(): void {
    clearInterval(this.#ping);
    clearTimeout(this.#pong);
  }

  #closed(code: number, reason: string): void {
    this.#hush();
    this.#socket = undefined;
    if (!this.#wanted) return;
    if (code === SIGNED_OUT) {
      this.#wanted = false;
      this.#listener.signedOut();
      return;
    }
    const wait = retryWait(this.#failures, Math.random());
    this.#failures += 1;
    this.#listener.link({ kind: "lost", retryAt: Date.now() + wait, why: reason });
    this.#retry = setTimeout(() => this.open(), wait);
  }
}

/** How long to wait after `failures` tries in a row; `chance` in 0..1 spreads many pages apart. */
export function retryWait(failures: number, chance: number): number {
  const full = Math.min(RETRY_MILLISECONDS_MIN * 2 ** Math.min(failures, 10), RETRY_MILLISECONDS_MAX);
  return Math.round(full * (0.75 + chance * 0.5));
}
