/** Asks the gateway over HTTP. Every answer is checked; every failure has words and, where there is one, a hint. */
import type * as v from "valibot";
import { decodeBody, decodeTranscript, MalformedError, type KnownTranscript } from "./decode.ts";
import * as shape from "./schema.ts";

/** How long an answer may take. The gateway answers from memory and disk; longer means it is not there. */
const ANSWER_WAIT_MILLISECONDS = 15_000;
/** How long an attack may play: a whole house is started for it. */
const DEMO_WAIT_MILLISECONDS = 125_000;

/** Something that was asked of the gateway did not work. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly fault: shape.Fault;
  /** How long to wait before the same is asked again, where the gateway said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, fault: shape.Fault, retryAfterSeconds?: number) {
    super(fault.message);
    this.status = status;
    this.fault = fault;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Whether the gateway could not be reached at all. */
  get isOffline(): boolean {
    return this.status === 0;
  }
}

/** What to tell a person about `error`. */
export function faultOf(error: unknown): shape.Fault {
  if (error instanceof ApiError) return error.fault;
  if (error instanceof MalformedError) {
    return { code: "malformed", message: error.message, hint: "This page and the program may be of different versions: load the page again." };
  }
  return { code: "failed", message: error instanceof Error ? error.message : "something went wrong in this page" };
}

type Method = "GET" | "POST";

async function ask(method: Method, path: string, body?: unknown, wait = ANSWER_WAIT_MILLISECONDS): Promise<unknown> {
  const response = await reach(method, `/api/v1/${path}`, body, wait);
  const text = await response.text().catch(() => "");
  let value: unknown;
  try {
    value = text === "" ? undefined : JSON.parse(text);
  } catch {
    throw new ApiError(response.status, { code: "malformed", message: `the answer to ${path} is not JSON` });
  }
  if (response.ok) return value;
  throw new ApiError(response.status, decodeBody(shape.FaultBody, value, `the error from ${path}`).error, retryAfterOf(response));
}

async function reach(method: Method, path: string, body: unknown, wait: number): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(wait),
      ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, {
      code: "unreachable",
      message: "Hardshell does not answer",
      hint: "See whether it runs: `hardshell up` in a terminal, or `systemctl status hardshell` for the service.",
    });
  }
}

/** `Retry-After` in seconds (RFC 9110 §10.2.3): the gateway names no dates. */
function retryAfterOf(response: Response): number | undefined {
  const told = response.headers.get("retry-after") ?? "";
  return /^\d{1,5}$/u.test(told) ? Number(told) : undefined;
}

/** Whether the stop switch is on. The answer is 503 then, and is told to anyone. */
async function lockedDown(): Promise<boolean> {
  const response = await reach("GET", "/readyz", undefined, ANSWER_WAIT_MILLISECONDS);
  const { reasons } = decodeBody(shape.Readiness, await response.json(), "readyz");
  return reasons.some((reason) => reason.name === "lockdown");
}

async function read<S extends v.GenericSchema>(schema: S, path: string): Promise<v.InferOutput<S>> {
  return decodeBody(schema, await ask("GET", path), path);
}

async function tell<S extends v.GenericSchema>(schema: S, path: string, body: unknown): Promise<v.InferOutput<S>> {
  return decodeBody(schema, await ask("POST", path, body), path);
}

/** Which audit records are wanted. */
export interface AuditWish {
  readonly after?: number;
  readonly before?: number;
  readonly kind?: string;
  readonly limit: number;
}

const at = encodeURIComponent;

export const api = {
  signIn: (token: string) => tell(shape.SignedIn, "sign-in", { token }),
  signedIn: () => read(shape.SignedIn, "sign-in"),
  lockedDown,
  signOut: () => ask("POST", "sign-out", {}),
  status: () => read(shape.Status, "status"),
  lockDown: () => tell(shape.Status, "lockdown", {}),
  sessions: async () => (await read(shape.Sessions, "sessions")).sessions,
  newSession: () => tell(shape.Session, "sessions", {}),
  transcript: async (session: string): Promise<KnownTranscript> => decodeTranscript(await ask("GET", `sessions/${at(session)}`)),
  send: (session: string, message: { readonly id: string; readonly text: string; readonly quoted?: string }) =>
    tell(shape.Accepted, `sessions/${at(session)}/messages`, message),
  cancel: (session: string) => tell(shape.Cancelled, `sessions/${at(session)}/cancel`, {}),
  setCeiling: (session: string, ceiling: shape.Tier) => tell(shape.Session, `sessions/${at(session)}/ceiling`, { ceiling }),
  approvals: async () => (await read(shape.Approvals, "approvals")).questions,
  approvalStats: (days: number) => read(shape.ApprovalStats, `approvals/stats?days=${days}`),
  receivers: async () => (await read(shape.Receivers, "shipping")).receivers,
  answer: (question: string, answer: shape.Answer) => tell(shape.Answered, `approvals/${at(question)}`, { answer }),
  answerAll: (questions: readonly string[], answer: "approve" | "deny") => tell(shape.SheetAnswered, "approvals", { questions, answer }),
  audit: (wish: AuditWish) => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(wish)) if (value !== undefined) query.set(name, String(value));
    return read(shape.AuditPage, `audit?${query}`);
  },
  demo: async (name: string | undefined, without: readonly string[]) =>
    decodeBody(shape.Demo, await ask("POST", "demo", { ...(name === undefined ? {} : { name }), without }, DEMO_WAIT_MILLISECONDS), "demo"),
  commands: async () => (await read(shape.Commands, "commands")).commands,
} as const;
