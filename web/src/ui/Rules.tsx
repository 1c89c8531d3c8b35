/** The rules that decided, each with its reason. */
import type { Rule } from "../wire/schema.ts";
import { VERDICT } from "../words.ts";
import { Hint } from "./Hint.tsx";
import { Icon } from "./Icon.tsx";

/** `rules`, worst first. */
export function Rules({ rules }: { readonly rules: readonly Rule[] }) {
  return (
    <ul className="rules">
      {rules.map((rule, at) => (
        <li key={`${at}-${rule.id}`} className={`tone-${VERDICT[rule.verdict].tone}`}>
          <Icon name={VERDICT[rule.verdict].icon} size={15} />
          <div>
            <p className="rule-why">
              <Hint text={rule.why} />
            </p>
            <p className="rule-id">
              <span className="seen-by-readers-only">Rule </span>
              <code>{rule.id}</code>
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
