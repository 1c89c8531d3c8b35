/** Which links may be followed, and where they really lead. */

/** Where a link leads, as it is shown to the reader. */
export type Destination =
  /** A web address: shown with its host, opened in a window of its own. */
  | { readonly kind: "web"; readonly url: string; readonly host: string }
  /** An address that is shown and never opened. */
  | { readonly kind: "shown"; readonly text: string };

const WEB = new Set(["http:", "https:"]);

/** Reads `target` the way the browser would, and says where it leads. Nothing but http and https is ever opened. */
export function destination(target: string): Destination {
  const bare = target.trim();
  let url: URL;
  try {
    url = new URL(bare);
  } catch {
    return { kind: "shown", text: bare };
  }
  if (!WEB.has(url.protocol) || url.host === "") return { kind: "shown", text: bare };
  // What stands before an `@` looks like a host and is none.
  if (url.username !== "" || url.password !== "") return { kind: "shown", text: bare };
  return { kind: "web", url: url.href, host: url.host };
}

/** A link that cannot be clicked or linked by another program: `https[:]//evil[.]example/x`. */
export function defanged(target: string): string {
  return target.replace(/:/u, "[:]").replaceAll(/\.(?=[\p{L}\p{N}])/gu, "[.]");
}
