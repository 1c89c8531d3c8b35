/** Where the audit log is sent as it grows, and how that goes. */
import { useEffect, useState } from "react";
import { useStore } from "../state/store.ts";
import { agoSentence, whole } from "../text/time.ts";
import { Chip } from "../ui/Chip.tsx";
import { useMinute } from "../ui/now.ts";
import type { Receiver } from "../wire/schema.ts";
import { receiverWords } from "../words.ts";

/** How often it is asked again while the view is open. */
const EVERY_MILLISECONDS = 5_000;

/** The panel in the status view. */
export function Elsewhere() {
  const receivers = useReceivers();
  return (
    <section className="panel" aria-labelledby="elsewhere">
      <h2 id="elsewhere">The log elsewhere</h2>
      {receivers === undefined ? (
        <p className="empty">Asking Hardshell…</p>
      ) : receivers.length === 0 ? (
        <p>
          The audit log is on this machine alone. A <code>[[shipping]]</code> section in <code>hardshell.toml</code> sends it, or its
          signatures, to a second place.
        </p>
      ) : (
        <ul className="proofs">
          {receivers.map((receiver) => (
            <Row key={receiver.name} receiver={receiver} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Row({ receiver }: { readonly receiver: Receiver }) {
  const now = useMinute();
  const state = receiverWords(receiver);
  const { last_sent: last, down_since: down } = receiver;
  return (
    <li className="proof">
      <Chip word={state.word} tone={state.tone} icon={state.icon} />
      <div>
        <p className="proof-name">{receiver.name}</p>
        <p className="proof-detail">
          {receiver.kind} to <code>{receiver.to}</code>
        </p>
        <p className="proof-detail">{state.sentence}</p>
        {receiver.skipped === 0 ? null : (
          <p className="proof-detail tone-caution">
            {receiver.skipped === 1 ? "One record was" : `${receiver.skipped} records were`} skipped. Which, stands in the audit log.
          </p>
        )}
        {down === undefined || receiver.problem === undefined ? null : <p className="proof-detail">It says: {receiver.problem}</p>}
      </div>
      <p className="proof-time">
        {last === undefined ? (
          "nothing taken yet"
        ) : (
          <time dateTime={new Date(last).toISOString()} title={whole(last)}>
            took some {agoSentence(last, now)}
          </time>
        )}
      </p>
    </li>
  );
}

function useReceivers(): readonly Receiver[] | undefined {
  const store = useStore();
  const [receivers, setReceivers] = useState<readonly Receiver[]>();
  useEffect(() => {
    let gone = false;
    const ask = async () => {
      const found = await store.receivers();
      if (found !== undefined && !gone) setReceivers(found);
    };
    void ask();
    const timer = setInterval(() => void ask(), EVERY_MILLISECONDS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [store]);
  return receivers;
}
