/** A question to the owner: everything that would be done, why it asks, and the answers. */
import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";
import type { Pending } from "../state/state.ts";
import { useHouse, useStore } from "../state/store.ts";
import { Exact, OddityNote } from "../text/Exact.tsx";
import { agoSentence, left, whole } from "../text/time.ts";
import { oneLine } from "../text/visible.ts";
import { FaultNote } from "../ui/Fault.tsx";
import { Icon } from "../ui/Icon.tsx";
import { LabelChip } from "../ui/LabelChip.tsx";
import { Rules } from "../ui/Rules.tsx";
import { useMinute, useSecond } from "../ui/now.ts";
import type { Answer } from "../wire/schema.ts";
import { EFFECT } from "../words.ts";
import { Arguments } from "./CallCard.tsx";

/** A question that just appeared takes no answer for so long: what is typed or clicked then was meant for something else. */
const ARMING_MILLISECONDS = 700;
/** Below this the time that is left stands out. */
const SOON_MILLISECONDS = 60_000;

/** The open question called `id`, or a word on where it went. */
export function QuestionOf({ id }: { readonly id: string }) {
  const pending = useHouse((state) => state.pending).find((one) => one.question.id === id);
  const over = useHouse((state) => state.answered)[id];
  if (pending !== undefined) return <QuestionCard pending={pending} headingLevel={3} />;
  return <p className="note">{over === undefined ? "This question is no longer open." : "This question is answered."}</p>;
}

/** One open question. */
export function QuestionCard({ pending, headingLevel }: { readonly pending: Pending; readonly headingLevel: 2 | 3 }) {
  const { question, answering, fault } = pending;
  const store = useStore();
  const heading = useId();
  const armed = useArmed(question.id);
  const expired = useSecond() >= question.expires;
  const asked = agoSentence(question.asked, useMinute());
  const [offering, setOffering] = useState(false);
  const ready = armed && !expired && answering === undefined;
  const answer = (given: Answer) => {
    if (ready) void store.answer(question.id, given);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.repeat || event.metaKey || event.ctrlKey || event.altKey || offering) return;
    const key = event.key.toLowerCase();
    if (key === "a") answer("approve");
    else if (key === "d") answer("deny");
    else if (key === "w" && question.always !== undefined && ready) setOffering(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    // The keys work on the card that has the focus, and nowhere else.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <section className={`question${expired ? " question-over" : ""}`} role="group" aria-labelledby={heading} tabIndex={0} onKeyDown={onKey} data-question={question.id}>
      <header className="question-head">
        <span className="chip chip-ask">
          <Icon name="asked" size={13} /> Approval needed
        </span>
        <Countdown asked={question.asked} expires={question.expires} />
      </header>
      <div className="question-title" id={heading} role="heading" aria-level={headingLevel}>
        {oneLine(question.title)}
      </div>
      <p className="question-source">
        {question.source === undefined ? (
          <>Asked {asked}, on your words alone.</>
        ) : (
          <>
            Asked after reading: <bdi className="question-culprit">{oneLine(question.source)}</bdi>, {asked}
          </>
        )}
      </p>
      <Exact text={question.text} form="block" />
      <OddityNote text={question.text} />
      {question.arguments.length > 0 ? (
        <details className="question-details">
          <summary>
            <code>{question.tool}</code> {EFFECT[question.effect].word}: its arguments one by one
          </summary>
          <Arguments shown={question.arguments} />
        </details>
      ) : null}
      {question.rules.length > 0 ? <Rules rules={question.rules} /> : null}
      <div className="question-label">
        <LabelChip label={question.label} of="The session at that moment" />
      </div>
      {fault === undefined ? null : <FaultNote fault={fault} tried="pass on your answer" />}
      {expired ? (
        <p className="note">The time is over. Nothing was done.</p>
      ) : (
        <div className="question-answers">
          <Button className="button button-primary" isDisabled={!ready} onPress={() => answer("approve")}>
            {answering === "approve" ? <span className="spinner" /> : <Icon name="check" />} Approve once <kbd className="key">A</kbd>
          </Button>
          <Button className="button button-danger" isDisabled={!ready} onPress={() => answer("deny")}>
            {answering === "deny" ? <span className="spinner" /> : <Icon name="close" />} Deny <kbd className="key">D</kbd>
          </Button>
          {question.always === undefined ? null : (
            <Always rule={question.always} disabled={!ready} open={offering} onOpen={setOffering} onStore={() => answer("always")} />
          )}
        </div>
      )}
    </section>
  );
}

interface AlwaysProperties {
  readonly rule: string;
  readonly disabled: boolean;
  readonly open: boolean;
  readonly onOpen: (open: boolean) => void;
  readonly onStore: () => void;
}

/** "Always" shows the rule that it would store, and stores it only then. */
function Always({ rule, disabled, open, onOpen, onStore }: AlwaysProperties) {
  return (
    <DialogTrigger isOpen={open} onOpenChange={onOpen}>
      <Button className="button button-plain" isDisabled={disabled}>
        Always… <kbd className="key">W</kbd>
      </Button>
      <ModalOverlay className="overlay" isDismissable>
        <Modal className="modal">
          <Dialog className="dialog">
            <Heading slot="title">Approve this, and store a standing rule?</Heading>
            <p>From then on Hardshell does this without asking:</p>
            <Exact text={rule} form="block" />
            <OddityNote text={rule} />
            <p className="faint">The rule reaches no further than it says. The floor, your own forbids and the limits still hold.</p>
            <div className="dialog-actions">
              <Button slot="close" className="button button-quiet">
                Back
              </Button>
              <Button
                className="button button-primary"
                onPress={() => {
                  onOpen(false);
                  onStore();
                }}
              >
                Store the rule and approve
              </Button>
            </div>
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}

function Countdown({ asked, expires }: { readonly asked: number; readonly expires: number }) {
  const now = useSecond();
  const remains = Math.max(0, expires - now);
  return (
    <span className={`countdown${remains < SOON_MILLISECONDS ? " countdown-soon" : ""}`} title={`Lapses ${whole(expires)}`}>
      <meter min={0} max={Math.max(1, expires - asked)} value={remains} aria-hidden />
      <Icon name="clock" size={14} />
      <span role="timer">{remains === 0 ? "over" : `${left(expires, now)} left`}</span>
    </span>
  );
}

/** Whether what is called `question` has been on the screen long enough to be answered. */
export function useArmed(question: string): boolean {
  const [armed, setArmed] = useState<string>();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    timer.current = setTimeout(() => setArmed(question), ARMING_MILLISECONDS);
    return () => clearTimeout(timer.current);
  }, [question]);
  return armed === question;
}
