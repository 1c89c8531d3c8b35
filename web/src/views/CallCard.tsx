/** One call of a tool: what it wants, what was decided and why, what came of it. */
import { useState } from "react";
import { Button, Disclosure, DisclosurePanel, Heading } from "react-aria-components";
import type { Call, Shown } from "../state/state.ts";
import { Exact, plainProse } from "../text/Exact.tsx";
import { oneLine } from "../text/visible.ts";
import { Chip } from "../ui/Chip.tsx";
import { Icon } from "../ui/Icon.tsx";
import { LabelChip } from "../ui/LabelChip.tsx";
import { Rules } from "../ui/Rules.tsx";
import { approvalWords, callState, EFFECT, toolIcon, toolWords } from "../words.ts";
import { QuestionOf } from "./QuestionCard.tsx";

/** A result longer than this opens on demand. */
const RESULT_LINES_SHOWN = 14;
/** A value longer than this, or of several lines, gets a box of its own. */
const INLINE_CHARACTERS_MAX = 90;

/** A card that opens by itself when it was refused or waits for the owner. */
export function CallCard({ call }: { readonly call: Call }) {
  const [chosen, setChosen] = useState<boolean>();
  const waits = call.question !== undefined && call.answer === undefined && call.result === undefined;
  const open = chosen ?? (waits || call.verdict === "deny");
  const state = callState(call);
  const approval = approvalWords(call);
  const main = mainArgument(call.arguments);
  return (
    <Disclosure className={`call call-${state.tone}`} isExpanded={open} onExpandedChange={setChosen}>
      <Heading level={2} className="call-head">
        <Button slot="trigger" className="call-toggle">
          <Icon name={toolIcon(call.tool)} size={17} className="call-icon" />
          <span className="call-title">
            <span className="call-name">{toolWords(call.tool)}</span>
            {main === undefined ? null : <span className="call-main">{oneLine(main.value)}</span>}
          </span>
          <Chip word={state.word} tone={state.tone} icon={state.icon} />
          <Icon name="open" className="call-chevron" />
        </Button>
      </Heading>
      {call.progress !== undefined && call.result === undefined ? <Progress progress={call.progress} /> : null}
      <DisclosurePanel className="call-panel">
        <div className="call-body">
          {waits && call.question !== undefined ? <QuestionOf id={call.question} /> : <CallDetails call={call} />}
          {approval === undefined ? null : (
            <p className="call-approved">
              <Icon name="allowed" size={15} /> Allowed: {approval}.
            </p>
          )}
          {call.rules.length > 0 && !waits ? (
            <section>
              <h3>{whyWords(call, approval)}</h3>
              <Rules rules={call.rules} />
            </section>
          ) : null}
          {call.result === undefined ? null : <Result result={call.result} />}
        </div>
      </DisclosurePanel>
    </Disclosure>
  );
}

function whyWords(call: Call, approval: string | undefined): string {
  if (call.verdict === "deny") return "Why it was refused";
  if (approval !== undefined && call.question === undefined) return "Why it would have asked";
  return call.verdict === "ask" ? "Why it asked" : "Why it was allowed";
}

function CallDetails({ call }: { readonly call: Call }) {
  return (
    <section>
      <p className="call-meta">
        <code>{call.tool}</code>
        {call.effect === undefined ? null : <span title={EFFECT[call.effect].sentence}>{EFFECT[call.effect].word}</span>}
        {call.under === undefined ? null : <LabelChip label={call.under} of="Decided under" />}
      </p>
      <Arguments shown={call.arguments} />
    </section>
  );
}

/** The arguments, each whole. */
export function Arguments({ shown }: { readonly shown: readonly Shown[] }) {
  if (shown.length === 0) return null;
  return (
    <dl className="arguments">
      {shown.map((argument) => (
        <div key={argument.name}>
          <dt>
            {argument.name}
            {argument.role === "authority" ? <span className="argument-role" title="Decides who or what is affected">authority</span> : null}
          </dt>
          <dd>
            <Exact text={argument.value} form={argument.value.length > INLINE_CHARACTERS_MAX || argument.value.includes("\n") ? "block" : "line"} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Progress({ progress }: { readonly progress: NonNullable<Call["progress"]> }) {
  const { percent } = progress;
  return (
    <div className="call-progress">
      {percent === undefined ? null : <progress max={100} value={percent} aria-label="Progress" />}
      <span>{oneLine(progress.text.trim().split("\n").at(-1) ?? "")}</span>
    </div>
  );
}

function Result({ result }: { readonly result: NonNullable<Call["result"]> }) {
  const [all, setAll] = useState(false);
  const lines = result.text.split("\n");
  const shown = all ? lines : lines.slice(0, RESULT_LINES_SHOWN);
  return (
    <section>
      <h3 className="result-head">
        {result.failed ? "What the model was told" : "Result"}
        <LabelChip label={result.label} of="This result" />
      </h3>
      {result.text.trim() === "" ? (
        <p className="faint">It is empty.</p>
      ) : (
        <pre className={`result${result.label.integrity === "untrusted" ? " result-untrusted" : ""}`} dir="ltr" tabIndex={0} aria-label="Result">
          <code>{plainProse(shown.join("\n"))}</code>
        </pre>
      )}
      {lines.length > RESULT_LINES_SHOWN ? (
        <Button className="button button-plain button-small" onPress={() => setAll(!all)}>
          {all ? "Show less" : `Show all ${lines.length} lines`}
        </Button>
      ) : null}
    </section>
  );
}

/** The argument that says most in one line; a bare switch or number says nothing without its name. */
function mainArgument(shown: readonly Shown[]): Shown | undefined {
  const telling = shown.filter((argument) => !/^(?:true|false|[\d.]*)$/u.test(argument.value));
  return telling.find((argument) => argument.role === "authority") ?? telling[0];
}
