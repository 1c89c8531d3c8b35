/** Reads what the gateway sends. What is not known is passed over, what is not well formed is an error. */
import * as v from "valibot";
import { Event, EVENT_KINDS, Frame, FRAME_TYPES, Item, ITEM_KINDS, Transcript, type Session } from "./schema.ts";

/** What became of one frame. */
export type Decoded =
  | { readonly kind: "frame"; readonly frame: Frame }
  /** A later version's frame: nothing of it concerns this page. */
  | { readonly kind: "unknown"; readonly what: string }
  | { readonly kind: "malformed"; readonly why: string };

/** A transcript whose items this page knows. */
export interface KnownTranscript {
  readonly session: Session;
  readonly items: readonly Item[];
  readonly seq: number;
}

/** Something came that is not what docs/api.md says. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

const Tagged = v.looseObject({ type: v.string(), kind: v.optional(v.string()) });

/** Reads one text frame of the WebSocket. */
export function decodeFrame(text: string): Decoded {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: "malformed", why: "a frame is not JSON" };
  }
  const tagged = v.safeParse(Tagged, value);
  if (!tagged.success) return { kind: "malformed", why: `a frame has no type: ${where(tagged.issues)}` };
  const { type, kind } = tagged.output;
  if (type === "event") {
    if (kind === undefined) return { kind: "malformed", why: "an event has no kind" };
    if (!EVENT_KINDS.has(kind)) return { kind: "unknown", what: `event ${kind}` };
    return checked(v.safeParse(Event, value), `event \`${kind}\``);
  }
  if (!FRAME_TYPES.has(type)) return { kind: "unknown", what: `frame ${type}` };
  return checked(v.safeParse(Frame, value), `frame \`${type}\``);
}

/** Reads the body of an answer.
 *
 * @throws MalformedError when it is not of that shape.
 */
export function decodeBody<S extends v.GenericSchema>(schema: S, value: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (!result.success) throw new MalformedError(`${what} is not as expected: ${where(result.issues)}`);
  return result.output;
}

/** Reads a transcript; items of kinds that this page does not know are left out.
 *
 * @throws MalformedError when it, or an item of a known kind, is not of its shape.
 */
export function decodeTranscript(value: unknown): KnownTranscript {
  const { session, items, seq, label } = decodeBody(Transcript, value, "the transcript");
  const known = items.filter((item) => {
    if (ITEM_KINDS.has(item.kind)) return true;
    console.debug("passing over an item of kind", item.kind);
    return false;
  });
  return { session: { ...session, label }, items: known.map((item) => decodeBody(Item, item, `item \`${item.kind}\``)), seq };
}

function checked(result: v.SafeParseResult<typeof Event> | v.SafeParseResult<typeof Frame>, what: string): Decoded {
  return result.success
    ? { kind: "frame", frame: result.output }
    : { kind: "malformed", why: `${what}: ${where(result.issues)}` };
}

/** The first thing that is wrong, and where; never the value itself. */
function where(issues: readonly v.BaseIssue<unknown>[]): string {
  const first = issues[0];
  if (first === undefined) return "it cannot be read";
  const path = v.getDotPath(first);
  return `${path === null ? "it" : `\`${path}\``} should be ${first.expected ?? "otherwise"}`;
}
