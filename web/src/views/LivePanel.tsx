/** Beside the chat on wide screens: the audit log as this session writes it. */
import { useEffect } from "react";
import { ToggleButton } from "react-aria-components";
import { useHouse, useStore } from "../state/store.ts";
import { Go } from "../ui/Go.tsx";
import { Icon } from "../ui/Icon.tsx";
import { remembered, useRemembered } from "../ui/remembered.ts";
import { AuditRow } from "./AuditRow.tsx";

/** More rows than this are for the audit view. */
const ROWS_MAX = 60;

const choice = remembered("hardshell.panel", ["open", "closed"]);

/** Whether the panel is open, remembered by the browser. */
export function usePanel(): readonly [boolean, (open: boolean) => void] {
  return [useRemembered(choice) === "open", (open) => choice.set(open ? "open" : "closed")];
}

/** Opens and closes the panel; only there where the panel has room. */
export function LivePanelSwitch({ open, onChange }: { readonly open: boolean; readonly onChange: (open: boolean) => void }) {
  return (
    <ToggleButton className="button button-plain button-icon panel-switch" isSelected={open} onChange={onChange} aria-label="Show the record of this session">
      <Icon name="panel" size={18} />
    </ToggleButton>
  );
}

/** The records of `session`, newest first. */
export function LivePanel({ session }: { readonly session: string }) {
  const store = useStore();
  const audit = useHouse((state) => state.audit);
  const { loaded } = audit;
  useEffect(() => {
    if (!loaded) void store.loadAudit();
  }, [store, loaded]);
  const own = audit.records.filter((record) => record["session"] === session).slice(-ROWS_MAX).reverse();
  return (
    <aside className="live-panel" aria-label="Record of this session">
      <header className="live-head">
        <h2>On the record</h2>
        <span className="live live-on">Live</span>
      </header>
      <p className="faint">What this session did, as it is written to the audit log.</p>
      {own.length === 0 ? (
        <p className="empty">Nothing yet. Each step appears here before it is carried out.</p>
      ) : (
        <ol className="records">
          {own.map((record) => (
            <li key={record.seq}>
              <AuditRow record={record} density="dense" />
            </li>
          ))}
        </ol>
      )}
      <Go className="link" to={{ view: "audit" }} current={false}>
        The whole log
      </Go>
    </aside>
  );
}
