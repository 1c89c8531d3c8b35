/** The audit log as it grows: what was meant, what became of it, what was refused. */
import { useEffect, useMemo, useRef, useState } from "react";
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { chainOf, KINDS, type Chain } from "../state/audit.ts";
import { AUDIT_RECORDS_MAX } from "../state/state.ts";
import { useHouse, useStore } from "../state/store.ts";
import { day, sameDay } from "../text/time.ts";
import { CommandLine } from "../ui/Copy.tsx";
import { Icon } from "../ui/Icon.tsx";
import type { AuditRecord } from "../wire/schema.ts";
import { AuditRow } from "./AuditRow.tsx";
import { Page } from "./Page.tsx";

const EVERY = "every";

/** The whole view. */
export function Audit() {
  const store = useStore();
  const audit = useHouse((state) => state.audit);
  const link = useHouse((state) => state.link.kind);
  const [kind, setKind] = useState(EVERY);
  const ofKind = useKind(kind);
  const [loadingOlder, setLoadingOlder] = useState(false);
  const { loaded } = audit;
  useEffect(() => {
    if (!loaded) void store.loadAudit();
  }, [store, loaded]);
  const chain = useMemo(() => chainOf(audit.records), [audit.records]);
  const records = useMemo(() => [...(kind === EVERY ? audit.records : ofKind)].reverse(), [kind, audit.records, ofKind]);
  const present = new Set([...audit.records.map((record) => record.kind), kind]);
  const older = async () => {
    setLoadingOlder(true);
    await store.loadOlderAudit();
    setLoadingOlder(false);
  };
  return (
    <Page title="Audit log" lead="Each effect is written down before it happens, and again when it is over. Nothing here can be changed from a conversation.">
      <ChainNote chain={chain} live={link === "open"} />
      <ToggleButtonGroup
        className="filters"
        aria-label="Show records of kind"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[kind]}
        onSelectionChange={(keys) => setKind(String([...keys][0] ?? EVERY))}
      >
        <ToggleButton id={EVERY} className="filter">
          Everything
        </ToggleButton>
        {KINDS.filter((known) => present.has(known.kind)).map((known) => (
          <ToggleButton key={known.kind} id={known.kind} className="filter">
            <Icon name={known.icon} size={14} />
            {known.word}
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
      {records.length === 0 ? (
        <p className="empty">{audit.loaded ? "No records of this kind yet." : "Loading the newest records…"}</p>
      ) : (
        <Records records={records} />
      )}
      {kind === EVERY && audit.older ? (
        audit.records.length >= AUDIT_RECORDS_MAX ? (
          <div className="stack">
            <p className="faint">The page holds its newest {AUDIT_RECORDS_MAX} records. The rest is in the terminal:</p>
            <CommandLine command={"hardshell audit query"} />
          </div>
        ) : (
          <Button className="button button-quiet" isDisabled={loadingOlder} onPress={() => void older()}>
            {loadingOlder ? <span className="spinner" /> : <Icon name="down" />} Older records
          </Button>
        )
      ) : null}
    </Page>
  );
}

function Records({ records }: { readonly records: readonly AuditRecord[] }) {
  return (
    <ol className="records">
      {records.map((record, at) => {
        const above = records[at - 1];
        return (
          <li key={record.seq}>
            {above === undefined || !sameDay(above.time, record.time) ? <p className="records-day">{day(record.time)}</p> : null}
            <AuditRow record={record} density="roomy" />
          </li>
        );
      })}
    </ol>
  );
}

/** Whether the records here follow one another, and how to check all of it. */
function ChainNote({ chain, live }: { readonly chain: Chain; readonly live: boolean }) {
  const { tone, words } = chainWords(chain);
  return (
    <section className={`chain chain-${tone}`} aria-label="Chain">
      <Icon name={tone === "good" ? "trusted" : tone === "danger" ? "warning" : "audit"} size={20} />
      <div>
        <p className="chain-words">{words}</p>
        <p className="faint">
          This page compares the links it holds. <code>hardshell audit verify</code> computes every hash and signature again.
        </p>
      </div>
      <span className={`live live-${live ? "on" : "off"}`}>{live ? "Live" : "Not live"}</span>
    </section>
  );
}

function chainWords(chain: Chain): { readonly tone: "good" | "danger" | "plain"; readonly words: string } {
  switch (chain.kind) {
    case "empty":
      return { tone: "plain", words: "No records are loaded yet." };
    case "unchecked":
      return { tone: "plain", words: "These records do not say which came before them, so their links cannot be compared here." };
    case "whole":
      return { tone: "good", words: `The chain is whole: records ${chain.from} to ${chain.to}, ${chain.links} links compared.` };
    case "gap":
      return { tone: "danger", words: `Records are missing between ${chain.after} and ${chain.next}. Load the page again; if it stays, verify the log.` };
    case "broken":
      return { tone: "danger", words: `The chain is broken at record ${chain.at}: it does not follow the one before it. Verify the log now.` };
  }
}

/** Records of one kind: the newest page of the log, and what came since. */
function useKind(kind: string): readonly AuditRecord[] {
  const store = useStore();
  const live = useHouse((state) => state.audit.records);
  const [page, setPage] = useState<{ readonly kind: string; readonly records: readonly AuditRecord[] }>({ kind: EVERY, records: [] });
  const wanted = useRef(kind);
  useEffect(() => {
    wanted.current = kind;
    if (kind === EVERY) return;
    void store.auditOfKind(kind).then((found) => {
      if (found !== undefined && wanted.current === kind) setPage({ kind, records: found.records });
    });
  }, [kind, store]);
  return useMemo(() => {
    const known = page.kind === kind ? page.records : [];
    const all = new Map([...known, ...live.filter((record) => record.kind === kind)].map((record) => [record.seq, record]));
    return [...all.values()].sort((one, other) => one.seq - other.seq);
  }, [kind, live, page]);
}
