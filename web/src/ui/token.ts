/** Reads the one-time token out of a sign-in link. */

/** What a token may be made of; anything else was cut or changed on its way. */
const TOKEN = /^[A-Za-z0-9._~-]{16,512}$/u;

/** The token behind `#token=` in a link or fragment, or the bare token. */
export function tokenOf(text: string): string | undefined {
  const bare = text.trim();
  const at = bare.indexOf("#token=");
  const token = at < 0 ? bare : bare.slice(at + "#token=".length);
  return TOKEN.test(token) ? token : undefined;
}

/** Takes the token out of the address, at once and for good: it stays in no history, no screenshot, no bookmark. */
export function takeToken(): string | undefined {
  const { hash, pathname } = window.location;
  if (!hash.startsWith("#token=")) return undefined;
  window.history.replaceState(null, "", pathname);
  return tokenOf(hash) ?? "";
}
