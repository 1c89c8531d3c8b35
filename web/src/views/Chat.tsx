/** One conversation: its label always in sight, what was said and done, and the field to write in. */
import { useEffect, useRef } from "react";
import { chatOf } from "../state/chat.ts";
import { isBusy } from "../state/state.ts";
import { useHouse, useStore } from "../state/store.ts";
import { oneLine } from "../text/visible.ts";
import { FaultNote } from "../ui/Fault.tsx";
import { Go } from "../ui/Go.tsx";
import { arrival, go } from "../ui/router.ts";
import { Icon, Mark } from "../ui/Icon.tsx";
import { LabelChip } from "../ui/LabelChip.tsx";
import { Button } from "react-aria-components";
import { Ceiling } from "./Ceiling.tsx";
import { Composer, type ComposerHandle } from "./Composer.tsx";
import { Nowhere } from "./Nowhere.tsx";
import { useFocusOnOpen } from "./Page.tsx";
import { LivePanel, LivePanelSwitch, usePanel } from "./LivePanel.tsx";
import { Starts } from "./Starts.tsx";
import { Transcript, TranscriptSkeleton } from "./Transcript.tsx";

/** The view of session `id`. */
export function Chat({ id }: { readonly id: string }) {
  const store = useStore();
  const session = useHouse((state) => state.sessions)?.find((one) => one.id === id);
  const chat = useHouse((state) => chatOf(state.chats, id));
  const pending = useHouse((state) => state.pending).filter((one) => one.question.session === id);
  const heading = useFocusOnOpen<HTMLHeadingElement>();
  const composer = useRef<ComposerHandle>(null);
  const [panel, setPanel] = usePanel();
  useEffect(() => {
    if (arrival() === "writing") composer.current?.focus();
  }, []);
  useEffect(() => {
    if (chatOf(store.state.chats, id).loaded === "no") void store.openChat(id);
  }, [id, store]);
  // The gateway knows no such id, or says that it is none.
  if (session === undefined && (chat.fault?.code === "not_found" || chat.fault?.code === "invalid")) return <Nowhere what="session" name={id} />;
  const busy = isBusy(session?.state);
  const title = session === undefined || session.title === "" ? "New session" : oneLine(session.title);
  return (
    <div className="chat-frame">
      <div className="chat">
        <header className="chat-head">
          <h1 ref={heading} tabIndex={-1} title={title}>
            {title}
          </h1>
          <p className="chat-state" aria-live="polite">
            {session?.state === "running" ? (
              <>
                <span className="spinner spinner-small" /> Working
              </>
            ) : session?.state === "waiting" ? (
              <>
                <Icon name="asked" size={14} /> Waiting for you
              </>
            ) : null}
          </p>
          {session?.ceiling === undefined ? null : <Ceiling session={id} ceiling={session.ceiling} />}
          {session === undefined ? null : <LabelChip label={session.label} of="This session" />}
          <LivePanelSwitch open={panel} onChange={setPanel} />
        </header>
        {chat.loaded === "failed" && chat.fault !== undefined ? (
          <div className="transcript">
            <div className="column stack">
              <FaultNote fault={chat.fault} tried="open this session" />
              <Button className="button button-quiet" onPress={() => void store.openChat(id)}>
                <Icon name="again" /> Try again
              </Button>
            </div>
          </div>
        ) : session === undefined || chat.loaded !== "yes" ? (
          <TranscriptSkeleton />
        ) : (
          <Transcript session={session} chat={chat} />
        )}
        <div className="chat-foot">
          {pending.length > 0 ? <WaitingNote count={pending.length} question={pending[0]?.question.id ?? ""} /> : null}
          {pending.length > 1 ? (
            <Go className="link" to={{ view: "approvals" }} current={false}>
              Answer them with one answer
            </Go>
          ) : null}
          <Composer
            key={id}
            ref={composer}
            place={id}
            busy={busy}
            placeholder="Write to Hardshell"
            onSend={(text, quoted) => void store.send(id, text, quoted)}
            onCancel={() => void store.cancel(id)}
          />
          <ModelNote />
        </div>
      </div>
      {panel ? <LivePanel session={id} /> : null}
    </div>
  );
}

/** Leads to the question when it is out of sight. */
function WaitingNote({ count, question }: { readonly count: number; readonly question: string }) {
  const show = () => {
    const card = document.querySelector<HTMLElement>(`[data-question="${CSS.escape(question)}"]`);
    card?.scrollIntoView({ block: "start" });
    card?.focus({ preventScroll: true });
  };
  return (
    <button type="button" className="waiting" onClick={show}>
      <Icon name="asked" size={16} />
      {count === 1 ? "One approval waits for you here" : `${count} approvals wait for you here`}
      <span className="waiting-go">Show</span>
    </button>
  );
}

/** Says so when no language model is connected. */
function ModelNote() {
  const model = useHouse((state) => state.status?.model);
  if (model?.kind !== "builtin") return null;
  return <p className="model-note">No language model: commands and plain phrases only.</p>;
}

/** The first screen: a new session begins with the first message. */
export function NewChat() {
  const store = useStore();
  const heading = useFocusOnOpen<HTMLHeadingElement>();
  const composer = useRef<ComposerHandle>(null);
  const begin = async (text: string, quoted: string | undefined) => {
    const id = await store.newSession();
    if (id === undefined) {
      composer.current?.fill(text);
      return;
    }
    go({ view: "chat", session: id }, "writing");
    await store.send(id, text, quoted);
  };
  return (
    <div className="chat-frame">
      <div className="chat">
        <div className="transcript">
          <div className="column welcome">
            <Mark size={44} />
            <h1 ref={heading} tabIndex={-1}>
              What should be done?
            </h1>
            <p className="welcome-lead">
              Hardshell assumes that its model has been hijacked. Whatever it does goes through one door, is judged by rules
              that no text can talk to, and is written down before it happens.
            </p>
            <Starts
              onRun={(text) => void begin(text, undefined)}
              onFill={(text) => composer.current?.fill(text)}
            />
          </div>
        </div>
        <div className="chat-foot">
          <Composer place="" busy={false} placeholder="Ask for something, or type / for commands" ref={composer} onSend={(text, quoted) => void begin(text, quoted)} />
          <ModelNote />
        </div>
      </div>
    </div>
  );
}
