/** Moments and spans in words. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const CLOCK_SECONDS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const WHOLE = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

/** `now`, `4 min`, `3 h`, `yesterday`, `12 Nov`: as short as a list needs it. */
export function ago(time: number, now: number): string {
  const span = Math.max(0, now - time);
  if (span < MINUTE) return "now";
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < DAY) return `${Math.floor(span / HOUR)} h`;
  if (span < 2 * DAY) return "yesterday";
  return DATE.format(time);
}

/** The same for use in a sentence: `just now`, `4 min ago`. */
export function agoSentence(time: number, now: number): string {
  const short = ago(time, now);
  if (short === "now") return "just now";
  return /^\d+ (?:min|h)$/u.test(short) ? `${short} ago` : short;
}

/** What is left until `until`: `4:59`, `2 h 10 min`, `3 days`. */
export function left(until: number, now: number): string {
  const span = Math.max(0, until - now);
  if (span >= 2 * DAY) return `${Math.floor(span / DAY)} days`;
  if (span >= HOUR) return `${Math.floor(span / HOUR)} h ${Math.floor((span % HOUR) / MINUTE)} min`;
  const seconds = Math.ceil(span / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** `14:03` */
export function clock(time: number): string {
  return CLOCK.format(time);
}

/** `14:03:59` */
export function clockSeconds(time: number): string {
  return CLOCK_SECONDS.format(time);
}

/** The day and the moment, in full. */
export function whole(time: number): string {
  return WHOLE.format(time);
}

/** Whether two moments are of one day, here. */
export function sameDay(one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

/** `12 Nov` */
export function day(time: number): string {
  return DATE.format(time);
}
