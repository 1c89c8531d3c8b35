/** How often the owner is asked, by which rules, and which standing rule would have spared most. */
import { useEffect, useState } from "react";
import { ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { useStore } from "../state/store.ts";
import type { ApprovalStats } from "../wire/schema.ts";

const PERIODS: readonly { readonly days: number; readonly word: string }[] = [
  { days: 7, word: "A week" },
  { days: 30, word: "30 days" },
  { days: 365, word: "A year" },
];
/** More rules than these nobody reads here; the terminal has all. */
const ROWS_MAX = 6;

/** The panel below the queue. */
export function HowOften() {
  const store = useStore();
  const [days, setDays] = useState(30);
  const [stats, setStats] = useState<ApprovalStats>();
  useEffect(() => {
    let gone = false;
    void store.approvalStats(days).then((found) => {
      if (found !== undefined && !gone) setStats(found);
    });
    return () => {
      gone = true;
    };
  }, [store, days]);
  return (
    <section className="panel" aria-labelledby="how-often">
      <h2 id="how-often">How often it asks</h2>
      <ToggleButtonGroup
        className="filters"
        aria-label="Count the last"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[days]}
        onSelectionChange={(keys) => setDays(Number([...keys][0] ?? days))}
      >
        {PERIODS.map((period) => (
          <ToggleButton key={period.days} id={period.days} className="filter">
            {period.word}
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
      {stats === undefined ? <p className="empty">Counting…</p> : stats.questions === 0 ? <p>It asked nothing in this time.</p> : <Counted stats={stats} />}
    </section>
  );
}

function Counted({ stats }: { readonly stats: ApprovalStats }) {
  const best = stats.standing[0];
  return (
    <>
      <p>
        <strong>{stats.questions === 1 ? "One question" : `${stats.questions} questions`}</strong>, {stats.per_day.toFixed(1)} a day. You approved{" "}
        {stats.approved}, denied {stats.denied}; {stats.expired} lapsed and {stats.waiting} {stats.waiting === 1 ? "waits" : "wait"}.
      </p>
      <div className="stack">
        <h3>Which rules ask</h3>
        <ul className="tally">
          {stats.rules.slice(0, ROWS_MAX).map((rule) => (
            <li key={`${rule.id} ${rule.why}`}>
              <span className="tally-count">{rule.questions}</span>
              <span>
                <code>{rule.id}</code> {rule.why}
              </span>
            </li>
          ))}
        </ul>
      </div>
      {best === undefined ? null : (
        <div className="stack">
          <h3>What “Always” would have spared</h3>
          <ul className="tally">
            {stats.standing.slice(0, ROWS_MAX).map((rule) => (
              <li key={rule.rule}>
                <span className="tally-count">{rule.spares}</span>
                <span>{rule.rule}</span>
              </li>
            ))}
          </ul>
          <p className="faint">Only of what you approved each time. “Always” on the next such question makes the rule; nothing is stored here.</p>
        </div>
      )}
    </>
  );
}
