/** Something that did not work: what, why, and what helps. */
import type { Fault } from "../wire/schema.ts";
import { couldNot } from "../words.ts";
import { Hint } from "./Hint.tsx";
import { Icon } from "./Icon.tsx";
import { Rules } from "./Rules.tsx";

/** `fault`, said as a sentence that begins with what was tried. */
export function FaultNote({ fault, tried }: { readonly fault: Fault; readonly tried: string }) {
  return (
    <div className="fault" role="alert">
      <Icon name="failed" />
      <div>
        <p>{couldNot(tried, fault.message)}</p>
        {fault.hint === undefined ? null : <p className="fault-hint"><Hint text={fault.hint} /></p>}
        {fault.rules === undefined || fault.rules.length === 0 ? null : <Rules rules={fault.rules} />}
      </div>
    </div>
  );
}
