/** The shortcuts of the page. Single keys work only outside of fields and dialogs. */
import { useEffect } from "react";
import { useStore } from "../state/store.ts";
import { remembered } from "./remembered.ts";
import { go, routeOf } from "./router.ts";

/** Single keys can be in the way of speech input and of other tools: they can be switched off. */
export const singleKeys = remembered("hardshell.keys", ["on", "off"]);

export const SHORTCUTS: readonly { readonly where: string; readonly keys: readonly (readonly [string, string])[] }[] = [
  {
    where: "Everywhere",
    keys: [
      ["?", "This list"],
      ["n", "New session"],
      ["g c", "Newest session"],
      ["g a", "Approvals"],
      ["g l", "Audit log"],
      ["g s", "Status"],
      ["j", "Next session in the list"],
      ["k", "Previous session in the list"],
      ["i", "Write a message"],
    ],
  },
  {
    where: "On an approval that has the focus",
    keys: [
      ["A", "Approve once"],
      ["D", "Deny"],
      ["W", "Always: show the rule first"],
    ],
  },
  {
    where: "While writing",
    keys: [
      ["Enter", "Send"],
      ["Shift Enter", "New line"],
      ["/", "Commands, at the start of a line"],
      ["Esc", "Close the list, or stop what is running"],
    ],
  },
];

/** After `g` the next key must come within this time. */
const PAIR_MILLISECONDS = 1_200;

/** Listens for shortcuts while the page is open. */
export function useShortcuts(onHelp: () => void): void {
  const store = useStore();
  useEffect(() => {
    let pairUntil = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isBusyPlace(event.target)) return;
      if (singleKeys.current() === "off") return;
      const paired = event.timeStamp < pairUntil;
      pairUntil = 0;
      if (paired) {
        if (pair(event.key)) event.preventDefault();
        return;
      }
      switch (event.key) {
        case "?":
          onHelp();
          break;
        case "n":
          go({ view: "new" });
          break;
        case "g":
          pairUntil = event.timeStamp + PAIR_MILLISECONDS;
          break;
        case "j":
          step(1);
          break;
        case "k":
          step(-1);
          break;
        case "i":
          document.getElementById("composer")?.focus();
          break;
        default:
          return;
      }
      event.preventDefault();
    };
    const sessions = () => store.state.sessions ?? [];
    const step = (by: 1 | -1) => {
      const route = routeOf(window.location.pathname);
      const at = sessions().findIndex((session) => route.view === "chat" && session.id === route.session);
      const next = sessions()[at < 0 ? 0 : at + by];
      if (next !== undefined) go({ view: "chat", session: next.id });
    };
    const pair = (key: string): boolean => {
      const newest = sessions()[0];
      if (key === "a") go({ view: "approvals" });
      else if (key === "l") go({ view: "audit" });
      else if (key === "s") go({ view: "status" });
      else if (key === "c") go(newest === undefined ? { view: "new" } : { view: "chat", session: newest.id });
      else return false;
      return true;
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [store, onHelp]);
}

function isBusyPlace(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable], [role=dialog], [role=option]") !== null;
}
