/** Tells screen readers what happened, once, without moving the focus. */
import { useHouse } from "../state/store.ts";

/** Two regions: one that waits its turn, one that does not. */
export function Announcer() {
  const announcement = useHouse((state) => state.announcement);
  // A text that is the same as the one before is told again when it stands on another place of the tree.
  const shown = announcement === undefined ? null : <p key={announcement.id}>{announcement.text}</p>;
  return (
    <div className="seen-by-readers-only">
      <div aria-live="polite" data-announcer="polite">
        {announcement?.urgency === "polite" ? shown : null}
      </div>
      <div aria-live="assertive" data-announcer="assertive">
        {announcement?.urgency === "assertive" ? shown : null}
      </div>
    </div>
  );
}
