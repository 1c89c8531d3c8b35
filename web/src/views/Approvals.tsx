/** The queue of questions to the owner, the most urgent first. */
import { useHouse } from "../state/store.ts";
import { Go } from "../ui/Go.tsx";
import { Icon } from "../ui/Icon.tsx";
import { HowOften } from "./HowOften.tsx";
import { Page } from "./Page.tsx";
import { QuestionCard } from "./QuestionCard.tsx";

/** The whole view. */
export function Approvals() {
  const pending = useHouse((state) => state.pending);
  const sessions = useHouse((state) => state.sessions);
  const queue = [...pending].sort((one, other) => one.question.expires - other.question.expires);
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
          {queue.map((one) => (
            <li key={one.question.id}>
              <p className="queue-session">
                In{" "}
                <Go className="link" to={{ view: "chat", session: one.question.session }} current={false}>
                  {sessions?.find((session) => session.id === one.question.session)?.title ?? one.question.session}
                </Go>
              </p>
              <QuestionCard pending={one} headingLevel={2} />
            </li>
          ))}
        </ol>
      )}
      {/* Counted again whenever a question comes or goes. */}
      <HowOften key={queue.length} />
    </Page>
  );
}
