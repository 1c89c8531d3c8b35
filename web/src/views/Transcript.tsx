/** A conversation, from its first word to what is being written now. */
import { Fragment, memo, useDeferredValue, useEffect, useRef, useState, type ReactNode } from "react";
import { Button } from "react-aria-components";
import { draftIntegrity } from "../state/chat.ts";
import type { Call, Chat, Entry } from "../state/state.ts";
import { useStore } from "../state/store.ts";
import { Prose } from "../text/Prose.tsx";
import { Exact, plainProse } from "../text/Exact.tsx";
import { clock, whole } from "../text/time.ts";
import { FaultNote } from "../ui/Fault.tsx";
import { Hint } from "../ui/Hint.tsx";
import { Icon, Mark } from "../ui/Icon.tsx";
import { LabelChip } from "../ui/LabelChip.tsx";
import type { Label, Session } from "../wire/schema.ts";
import { CallCard } from "./CallCard.tsx";

/** Nearer to the end than this, the page keeps to the end as it grows. */
const STICK_PIXELS = 80;

/** So much of a conversation is drawn at first: a few screens. A session can hold thousands of items. */
const BLOCKS_SHOWN = 80;

type Block = { readonly key: string; readonly steps: readonly Call[] } | { readonly key: string; readonly entry: Entry };

/** The conversation of `session`. */
export function Transcript({ session, chat }: { readonly session: Session; readonly chat: Chat }) {
  const { box, end, atEnd, toEnd } = useStick(chat);
  const busy = session.state === "running" && chat.draft === undefined && !lastCallRuns(chat.entries);
  const all = blocks(chat.entries);
  const [more, setMore] = useState(0);
  const hidden = Math.max(0, all.length - BLOCKS_SHOWN - more);
  return (
    <div className="transcript-box">
      <div className="transcript" ref={box} tabIndex={0} role="log" aria-label="Conversation" aria-live="off">
        <div className="column">
          {all.length === 0 && chat.draft === undefined && !busy ? <p className="empty">Nothing was said here yet.</p> : null}
          {hidden === 0 ? null : (
            <Button className="button button-plain earlier" onPress={() => setMore(more + BLOCKS_SHOWN)}>
              Show earlier ({hidden} more)
            </Button>
          )}
          {all.slice(hidden).map((block) =>
            "steps" in block ? <Steps key={block.key} calls={block.steps} /> : <EntryView key={block.key} entry={block.entry} session={session.id} />,
          )}
          {chat.draft === undefined ? null : <DraftView text={chat.draft.text} label={session.label} />}
          {busy ? (
            <Assistant>
              <p className="thinking">
                <span className="dots" aria-hidden />
                Working
              </p>
            </Assistant>
          ) : null}
          <div ref={end} />
        </div>
      </div>
      {atEnd ? null : (
        <Button className="button button-quiet to-end" onPress={toEnd} aria-label="Go to the newest">
          <Icon name="down" /> Newest
        </Button>
      )}
    </div>
  );
}

const EntryView = memo(function EntryView({ entry, session }: { readonly entry: Entry; readonly session: string }) {
  switch (entry.kind) {
    case "said":
      return <Said entry={entry} session={session} />;
    case "words":
      return (
        <Assistant>
          <div className={entry.cut ? "cut" : "aside"}>
            <Prose text={entry.text} integrity={entry.label?.integrity ?? "untrusted"} />
            {entry.cut ? <p className="faint">Stopped here.</p> : null}
          </div>
        </Assistant>
      );
    case "reply":
      return (
        <Assistant>
          <Prose text={entry.text} integrity={entry.label.integrity} />
          <p className="reply-foot">
            <LabelChip label={entry.label} of="This reply" />
            <time dateTime={new Date(entry.time).toISOString()} title={whole(entry.time)}>
              {clock(entry.time)}
            </time>
          </p>
        </Assistant>
      );
    case "plan":
      return (
        <section className="plan" aria-label="Plan">
          <p className="plan-title">
            {entry.grants.length === 0
              ? `This task may do nothing of consequence without asking you${entry.why === "" ? "." : `: ${entry.why}`}`
              : "From your words alone, this task may do without asking you:"}
          </p>
          {entry.grants.length === 0 ? null : (
            <ul>
              {entry.grants.map((grant, index) => (
                <li key={index}>
                  <Exact text={grant} form="line" />
                </li>
              ))}
            </ul>
          )}
        </section>
      );
    case "held":
      return (
        <details className="summary">
          <summary>{`Held apart as ${entry.handle}: what ${entry.tool} gave, which the model is not shown`}</summary>
          <Prose text={entry.text} integrity={entry.label.integrity} />
        </details>
      );
    case "summary":
      return (
        <details className="summary">
          <summary>Earlier turns, made shorter to fit the model’s window</summary>
          <Prose text={entry.text} integrity={entry.label.integrity} />
        </details>
      );
    case "ended":
      return (
        <p className={`ended ended-${entry.state}`}>
          <Icon name={entry.state === "cancelled" ? "stop" : "failed"} />
          <span>
            {entry.state === "cancelled" ? "You stopped this." : <Hint text={`It ended: ${entry.why}`} />}
          </span>
        </p>
      );
    case "call":
      return <Steps calls={[entry.call]} />;
  }
});

function DraftView({ text, label }: { readonly text: string; readonly label: Label }) {
  // A long draft is read again as a whole with each piece: typing comes first.
  const shown = useDeferredValue(text);
  return (
    <Assistant>
      <Prose text={shown} integrity={draftIntegrity(label)} />
      <span className="writing">
        <span className="seen-by-readers-only">Being written</span>
      </span>
    </Assistant>
  );
}

function Assistant({ children }: { readonly children: ReactNode }) {
  return (
    <div className="assistant">
      <span className="seen-by-readers-only">Hardshell:</span>
      <Mark size={26} />
      <div className="assistant-body">{children}</div>
    </div>
  );
}

function Steps({ calls }: { readonly calls: readonly Call[] }) {
  return (
    <ol className="steps" aria-label={calls.length === 1 ? "One step" : `${calls.length} steps`}>
      {calls.map((call) => (
        <li key={`${call.task}-${call.callId}`}>
          <CallCard call={call} />
        </li>
      ))}
    </ol>
  );
}

function Said({ entry, session }: { readonly entry: Extract<Entry, { kind: "said" }>; readonly session: string }) {
  const store = useStore();
  return (
    <div className={`said said-${entry.delivery}`}>
      <span className="seen-by-readers-only">{entry.by === "owner" ? "You:" : `${entry.by}:`}</span>
      {entry.by === "owner" ? null : <p className="said-by">{entry.by}</p>}
      <div className="said-text" dir="auto">
        {plainProse(entry.text)}
      </div>
      {entry.quoted === undefined ? null : (
        <details className="said-quote">
          <summary>
            <Icon name="quote" size={14} /> Quoted, {entry.quoted.length} characters: read, never obeyed
          </summary>
          <pre>{plainProse(entry.quoted)}</pre>
        </details>
      )}
      {entry.delivery === "sending" ? <p className="said-foot">Sending…</p> : null}
      {entry.delivery === "failed" && entry.fault !== undefined ? (
        <div className="said-failed">
          <FaultNote fault={entry.fault} tried="send this" />
          <div className="dialog-actions">
            <Button className="button button-plain button-small" onPress={() => store.unsend(session, entry)}>
              Remove
            </Button>
            <Button className="button button-quiet button-small" onPress={() => void store.sendAgain(session, entry)}>
              Send again
            </Button>
          </div>
        </div>
      ) : null}
    </div>
  );
}

/** Calls that follow each other stand together. */
function blocks(entries: readonly Entry[]): readonly Block[] {
  const found: Block[] = [];
  for (const entry of entries) {
    const last = found.at(-1);
    if (entry.kind !== "call") found.push({ key: entry.key, entry });
    else if (last !== undefined && "steps" in last) found[found.length - 1] = { key: last.key, steps: [...last.steps, entry.call] };
    else found.push({ key: `steps-${entry.key}`, steps: [entry.call] });
  }
  return found;
}

function lastCallRuns(entries: readonly Entry[]): boolean {
  const last = entries.at(-1);
  return last?.kind === "call" && last.call.result === undefined;
}

/** Keeps to the end while the reader is there, and leaves the reader alone otherwise. */
function useStick(chat: Chat) {
  const box = useRef<HTMLDivElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const sticks = useRef(true);
  useEffect(() => {
    const scrolled = box.current;
    if (scrolled === null) return;
    const look = () => {
      sticks.current = scrolled.scrollHeight - scrolled.scrollTop - scrolled.clientHeight < STICK_PIXELS;
      setAtEnd(sticks.current);
    };
    const grow = new ResizeObserver(() => {
      if (sticks.current) end.current?.scrollIntoView({ block: "end" });
      else look();
    });
    for (const child of [scrolled, ...scrolled.children]) grow.observe(child);
    scrolled.addEventListener("scroll", look, { passive: true });
    return () => {
      grow.disconnect();
      scrolled.removeEventListener("scroll", look);
    };
  }, []);
  const own = chat.entries.filter((entry) => entry.kind === "said" && entry.delivery === "sending").length;
  useEffect(() => {
    if (own === 0) return;
    sticks.current = true;
    end.current?.scrollIntoView({ block: "end" });
  }, [own]);
  return { box, end, atEnd, toEnd: () => end.current?.scrollIntoView({ block: "end" }) };
}

/** Stands where a conversation will be. */
export function TranscriptSkeleton() {
  return (
    <div className="transcript" aria-busy>
      <div className="column">
        {[60, 85, 40].map((width) => (
          <Fragment key={width}>
            <div className={`skeleton skeleton-${width}`} />
          </Fragment>
        ))}
        <span className="seen-by-readers-only">Loading the conversation</span>
      </div>
    </div>
  );
}
