/** Everything that one task waits for: each question whole, and one answer for all of them. */
import { Button } from "react-aria-components";
import type { Pending } from "../state/state.ts";
import { useStore } from "../state/store.ts";
import { Icon } from "../ui/Icon.tsx";
import { useSecond } from "../ui/now.ts";
import { QuestionCard, useArmed } from "./QuestionCard.tsx";

/** The questions of one task, in the order in which they will be done. */
export function Sheet({ pendings }: { readonly pendings: readonly Pending[] }) {
  const store = useStore();
  const ids = pendings.map((pending) => pending.question.id);
  // A question that joins the sheet holds the answer back, as a new one by itself does.
  const armed = useArmed(ids.join(" "));
  const now = useSecond();
  const ready = armed && pendings.every((pending) => pending.answering === undefined && now < pending.question.expires);
  const cards = pendings.map((pending) => <QuestionCard key={pending.question.id} pending={pending} headingLevel={2} />);
  if (pendings.length < 2) return <>{cards}</>;
  return (
    <div className="sheet" role="group" aria-label={`${ids.length} approvals at once`}>
      {cards}
      <div className="sheet-answers">
        <p>
          {ids.length} approvals are needed at once. Answer each above, or all with one answer.
        </p>
        <Button className="button button-primary" isDisabled={!ready} onPress={() => void store.answerAll(ids, "approve")}>
          <Icon name="check" /> Approve all {ids.length}
        </Button>
        <Button className="button button-danger" isDisabled={!ready} onPress={() => void store.answerAll(ids, "deny")}>
          <Icon name="close" /> Deny all {ids.length}
        </Button>
      </div>
    </div>
  );
}
