/** The queue of questions to the owner, the most urgent first. */
import type { Pending } from "../state/state.ts";
import { useHouse } from "../state/store.ts";
import { Go } from "../ui/Go.tsx";
import { Icon } from "../ui/Icon.tsx";
import { HowOften } from "./HowOften.tsx";
import { Page } from "./Page.tsx";
import { Sheet } from "./Sheet.tsx";

/** The whole view. */
export function Approvals() {
  const pending = useHouse((state) => state.pending);
  const sessions = useHouse((state) => state.sessions);
  const queue = sheets(pending);
  return (
    <Page title="Approvals" lead="What Hardshell will not do without you. An approval is good for exactly what is shown, once.">
      {queue.length === 0 ? (
        <div className="empty-page">
          <Icon name="allowed" size={28} />
          <p>Nothing waits for you.</p>
          <p className="faint">When something does, it appears here, in its conversation, and with <code>hardshell approvals</code> in the terminal.</p>
        </div>
      ) : (
        <ol className="stack queue">
          {queue.map(({ task, session, pendings }) => (
            <li key={task}>
              <p className="queue-session">
                In{" "}
                <Go className="link" to={{ view: "chat", session }} current={false}>
                  {sessions?.find((known) => known.id === session)?.title ?? session}
                </Go>
              </p>
              <Sheet pendings={pendings} />
            </li>
          ))}
        </ol>
      )}
      {/* Counted again whenever a question comes or goes. */}
      <HowOften key={pending.length} />
    </Page>
  );
}

interface TaskSheet {
  readonly task: string;
  readonly session: string;
  readonly pendings: readonly Pending[];
}

/** What waits, a sheet for each task; the one of which a question lapses first stands first. */
function sheets(pending: readonly Pending[]): readonly TaskSheet[] {
  const byTask = new Map<string, Pending[]>();
  for (const one of pending) byTask.set(one.question.task, [...(byTask.get(one.question.task) ?? []), one]);
  const lapses = (sheet: TaskSheet) => Math.min(...sheet.pendings.map((one) => one.question.expires));
  return [...byTask]
    .map(([task, pendings]) => ({ task, session: pendings[0]?.question.session ?? "", pendings }))
    .sort((one, other) => lapses(one) - lapses(other));
}
