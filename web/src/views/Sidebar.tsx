/** The navigation: sessions with their labels, the other views, and what belongs to this browser. */
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { useHouse, useStore } from "../state/store.ts";
import { ago, whole } from "../text/time.ts";
import { oneLine } from "../text/visible.ts";
import { Go } from "../ui/Go.tsx";
import { Icon, Mark } from "../ui/Icon.tsx";
import { LabelMark } from "../ui/LabelChip.tsx";
import { useMinute } from "../ui/now.ts";
import type { Route } from "../ui/router.ts";
import { useRemembered } from "../ui/remembered.ts";
import { theme } from "../ui/theme.ts";
import type { Session, Status } from "../wire/schema.ts";
import { Badge } from "./Shell.tsx";

interface Properties {
  readonly route: Route;
  readonly onHelp: () => void;
  readonly onGo: () => void;
}

/** The whole of it; in a column or in a drawer. */
export function Sidebar({ route, onHelp, onGo }: Properties) {
  const store = useStore();
  const sessions = useHouse((state) => state.sessions);
  const pending = useHouse((state) => state.pending.length);
  const status = useHouse((state) => state.status);
  return (
    <div className="sidebar">
      <p className="brand">
        <Mark size={28} />
        Hardshell
      </p>
      <Go className="button button-quiet new-session" to={{ view: "new" }} current={route.view === "new"} onGo={onGo}>
        <Icon name="plus" /> New session
      </Go>
      <ul className="side-views">
        <li>
          <Go className="side-item" to={{ view: "approvals" }} current={route.view === "approvals"} onGo={onGo}>
            <Icon name="approvals" size={17} /> Approvals {pending > 0 ? <Badge count={pending} /> : null}
          </Go>
        </li>
        <li>
          <Go className="side-item" to={{ view: "audit" }} current={route.view === "audit"} onGo={onGo}>
            <Icon name="audit" size={17} /> Audit log
          </Go>
        </li>
        <li>
          <Go className="side-item" to={{ view: "status" }} current={route.view === "status"} onGo={onGo}>
            <Icon name="status" size={17} /> Status <StatusMark status={status} />
          </Go>
        </li>
      </ul>
      <h2 className="side-heading">Sessions</h2>
      {sessions === undefined ? (
        <p className="side-empty">Loading…</p>
      ) : sessions.length === 0 ? (
        <p className="side-empty">Your conversations will be here.</p>
      ) : (
        <ul className="side-sessions">
          {sessions.map((session) => (
            <li key={session.id}>
              <SessionItem session={session} current={route.view === "chat" && route.session === session.id} onGo={onGo} />
            </li>
          ))}
        </ul>
      )}
      <div className="side-foot">
        <ThemeSwitch />
        <Button className="button button-plain button-icon" onPress={onHelp} aria-label="Keyboard shortcuts">
          <Icon name="keys" size={18} />
        </Button>
        <Button className="button button-plain button-icon" onPress={() => void store.signOut()} aria-label="Sign out">
          <Icon name="leave" size={17} />
        </Button>
      </div>
    </div>
  );
}

function SessionItem({ session, current, onGo }: { readonly session: Session; readonly current: boolean; readonly onGo: () => void }) {
  const now = useMinute();
  return (
    <Go className="side-session" to={{ view: "chat", session: session.id }} current={current} onGo={onGo}>
      <span className="side-session-title">{session.title === "" ? "New session" : oneLine(session.title)}</span>
      <time className="side-session-time" dateTime={new Date(session.updated).toISOString()} title={whole(session.updated)}>
        {session.state === "running" ? <span className="spinner spinner-small" role="img" aria-label="working" /> : session.state === "waiting" ? <span className="tone-ask">waits</span> : ago(session.updated, now)}
      </time>
      <span className="side-session-label">
        <LabelMark label={session.label} />
        {session.channel === "web" ? null : <span>{session.channel}</span>}
      </span>
    </Go>
  );
}

function StatusMark({ status }: { readonly status: Status | undefined }) {
  if (status === undefined) return null;
  const failed = status.proofs.filter((proof) => proof.state === "failed").length;
  const off = status.proofs.filter((proof) => proof.state === "off").length;
  if (status.lockdown) return <span className="side-mark tone-danger">locked</span>;
  if (failed > 0) return <span className="side-mark tone-danger">{failed} failed</span>;
  if (off > 0) return <span className="side-mark tone-caution">{off} off</span>;
  if (status.proofs.length === 0) return <span className="side-mark tone-caution">unproved</span>;
  return <span className="side-mark tone-good">all hold</span>;
}

function ThemeSwitch() {
  const chosen = useRemembered(theme);
  return (
    <ToggleButtonGroup
      className="theme"
      aria-label="Colours"
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[chosen]}
      onSelectionChange={(keys) => {
        const next = [...keys][0];
        theme.set(next === "light" || next === "dark" ? next : "system");
      }}
    >
      <ToggleButton id="system" aria-label="As the system">
        <Icon name="screen" size={15} />
      </ToggleButton>
      <ToggleButton id="light" aria-label="Light">
        <Icon name="sun" size={15} />
      </ToggleButton>
      <ToggleButton id="dark" aria-label="Dark">
        <Icon name="moon" size={15} />
      </ToggleButton>
    </ToggleButtonGroup>
  );
}
