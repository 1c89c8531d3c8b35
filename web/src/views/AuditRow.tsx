/** One audit record: a line that opens to everything it holds. */
import { memo } from "react";
import { Button, Disclosure, DisclosurePanel, Heading } from "react-aria-components";
import { fieldsOf, kindOf, rulesOf, summaryOf } from "../state/audit.ts";
import { Exact } from "../text/Exact.tsx";
import { clockSeconds, whole } from "../text/time.ts";
import { oneLine } from "../text/visible.ts";
import { CopyButton } from "../ui/Copy.tsx";
import { Icon } from "../ui/Icon.tsx";
import { Rules } from "../ui/Rules.tsx";
import type { AuditRecord } from "../wire/schema.ts";

/** A line about `record`; `dense` for the panel beside the chat. */
export const AuditRow = memo(function AuditRow({ record, density }: { readonly record: AuditRecord; readonly density: "roomy" | "dense" }) {
  const kind = kindOf(record.kind);
  const rules = rulesOf(record);
  const summary = oneLine(summaryOf(record));
  return (
    <Disclosure className={`record record-${density}`}>
      <Heading level={density === "roomy" ? 2 : 3} className="record-head">
        <Button slot="trigger" className="record-toggle">
          <time dateTime={new Date(record.time).toISOString()} title={whole(record.time)}>
            {clockSeconds(record.time)}
          </time>
          <span className={`record-kind tone-${kind.tone}`}>
            <Icon name={kind.icon} size={14} />
            {kind.word}
          </span>
          <span className="record-summary">{summary}</span>
          <span className="record-seq">{record.seq}</span>
        </Button>
      </Heading>
      <DisclosurePanel className="record-panel">
        {rules === undefined ? null : <Rules rules={rules} />}
        <dl className="arguments">
          {fieldsOf(record).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <Exact text={value} form={value.includes("\n") ? "block" : "line"} />
              </dd>
            </div>
          ))}
        </dl>
        <CopyButton text={JSON.stringify(record)} what="record" />
      </DisclosurePanel>
    </Disclosure>
  );
});
