/** How the house is: every control with its proof, how commands are confined, which model answers. */
import { useHouse } from "../state/store.ts";
import { agoSentence, whole } from "../text/time.ts";
import { Chip } from "../ui/Chip.tsx";
import { CommandLine } from "../ui/Copy.tsx";
import { Hint } from "../ui/Hint.tsx";
import { Icon } from "../ui/Icon.tsx";
import { useMinute } from "../ui/now.ts";
import type { Proof, Status as HouseStatus } from "../wire/schema.ts";
import { ISOLATION, PROOF } from "../words.ts";
import { Elsewhere } from "./Elsewhere.tsx";
import { ConnectModel } from "./Starts.tsx";
import { Page } from "./Page.tsx";
import { StopSwitch } from "./StopSwitch.tsx";
import { Suspended } from "./Suspended.tsx";

const ORDER: readonly Proof["state"][] = ["failed", "off", "holds"];

/** The whole view. */
export function Status() {
  const status = useHouse((state) => state.status);
  return (
    <Page title="Status" lead="What protects you here, each control by its last proof. What cannot be proved is shown as off.">
      {status === undefined ? <p className="empty">Asking Hardshell…</p> : <Body status={status} />}
    </Page>
  );
}

function Body({ status }: { readonly status: HouseStatus }) {
  return (
    <>
      <Verdict status={status} />
      <StopSwitch locked={status.lockdown} />
      <Suspended lines={status.suspended ?? []} />
      <section className="panel" aria-labelledby="proofs">
        <h2 id="proofs">Proofs</h2>
        {status.proofs.length === 0 ? (
          <p className="empty">Nothing was proved yet. Run <code>hardshell prove</code>.</p>
        ) : (
          <ul className="proofs">
            {[...status.proofs].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state)).map((proof) => (
              <ProofRow key={proof.name} proof={proof} />
            ))}
          </ul>
        )}
      </section>
      <IsolationPanel isolation={status.isolation} />
      <Elsewhere />
      <section className="panel" aria-labelledby="model">
        <h2 id="model">Model</h2>
        <dl className="facts">
          <div>
            <dt>In use</dt>
            <dd>
              {status.model.name} <span className="faint">({status.model.kind})</span>
            </dd>
          </div>
        </dl>
        {status.model.kind === "builtin" ? (
          <div className="stack">
            <p>No language model is connected. Slash commands and a few plain phrases work; nothing pretends to understand more.</p>
            <ConnectModel />
          </div>
        ) : null}
      </section>
      <section className="panel" aria-labelledby="house">
        <h2 id="house">House</h2>
        <dl className="facts">
          <div>
            <dt>Version</dt>
            <dd>{status.version}</dd>
          </div>
          <div>
            <dt>Home</dt>
            <dd>
              <code>{status.home}</code>
            </dd>
          </div>
          <div>
            <dt>Mailbox</dt>
            <dd>{status.sample_mailbox ? "The sample that comes with a first home. None of it is real." : "Yours."}</dd>
          </div>
        </dl>
      </section>
    </>
  );
}

function Verdict({ status }: { readonly status: HouseStatus }) {
  const failed = status.proofs.filter((proof) => proof.state === "failed").length;
  const off = status.proofs.filter((proof) => proof.state === "off").length;
  const holds = status.proofs.length - failed - off;
  const tone = failed > 0 || status.lockdown ? "danger" : off > 0 || !status.ready || holds === 0 ? "caution" : "good";
  const words = status.lockdown
    ? "Locked down. Everything is stopped."
    : failed > 0
      ? `${count(failed, "control does", "controls do")} not hold. What depends on ${failed === 1 ? "it" : "them"} does not run.`
      : off > 0
        ? `${count(off, "control is", "controls are")} off. The rest holds.`
        : holds === 0
          ? "Nothing is proved yet."
          : status.ready
            ? `All ${holds} controls hold.`
            : "Not ready yet.";
  return (
    <section className={`verdict verdict-${tone}`} aria-label="In short">
      <Icon name={tone === "good" ? "trusted" : tone === "caution" ? "untrusted" : "refused"} size={26} />
      <p>{words}</p>
      <ul className="verdict-counts">
        <li>{holds} hold</li>
        <li>{failed} failed</li>
        <li>{off} off</li>
      </ul>
    </section>
  );
}

function ProofRow({ proof }: { readonly proof: Proof }) {
  const now = useMinute();
  const state = PROOF[proof.state];
  return (
    <li className={`proof proof-${proof.state}`}>
      <Chip word={state.word} tone={state.tone} icon={state.icon} />
      <div>
        <p className="proof-name">{proof.name}</p>
        <p className="proof-detail">
          <Hint text={proof.detail} />
        </p>
      </div>
      <p className="proof-time">{proof.checked === undefined ? "never tried" : <time dateTime={new Date(proof.checked).toISOString()} title={whole(proof.checked)}>{agoSentence(proof.checked, now)}</time>}</p>
    </li>
  );
}

function IsolationPanel({ isolation }: { readonly isolation: HouseStatus["isolation"] }) {
  const known = ISOLATION.some((one) => one.level === isolation.level);
  return (
    <section className="panel" aria-labelledby="isolation">
      <h2 id="isolation">Isolation of commands</h2>
      <ol className="ladder">
        {ISOLATION.map((one) => (
          <li key={one.level} className={one.level === isolation.level ? "ladder-here" : undefined} {...(one.level === isolation.level ? { "aria-current": "true" as const } : {})}>
            <p className="ladder-word">
              {one.word}
              {one.level === isolation.level ? <span className="chip chip-info">here</span> : null}
            </p>
            <p className="ladder-sentence">{one.sentence}</p>
          </li>
        ))}
      </ol>
      {known ? null : <p className="note note-caution">The level here is <code>{isolation.level}</code>, which this page does not know.</p>}
      {isolation.reason === undefined ? null : (
        <p>
          <strong>Why not better:</strong> <Hint text={isolation.reason} />
        </p>
      )}
      {isolation.fix === undefined ? null : (
        <div className="stack">
          <p>This makes it better:</p>
          <CommandLine command={isolation.fix} />
        </div>
      )}
    </section>
  );
}

function count(number: number, one: string, many: string): string {
  return number === 1 ? `One ${one}` : `${number} ${many}`;
}
