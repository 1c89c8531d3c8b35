/** A label: how far something may be believed, how confidential it is, where it came from. */
import { Button, Dialog, DialogTrigger, Heading, Popover } from "react-aria-components";
import { oneLine } from "../text/visible.ts";
import type { Label } from "../wire/schema.ts";
import { INTEGRITY, sourceWords, TIER } from "../words.ts";
import { Icon } from "./Icon.tsx";

/** How many sources are listed; a label may hold hundreds. */
const SOURCES_SHOWN = 40;

/** A chip that opens to the whole label in words. `of` says what carries it: `This session`. */
export function LabelChip({ label, of }: { readonly label: Label; readonly of: string }) {
  const integrity = INTEGRITY[label.integrity];
  const sources = label.sources.filter((source) => !source.startsWith("owner:"));
  return (
    <DialogTrigger>
      <Button className={`chip chip-${integrity.tone} chip-label`}>
        <Icon name={integrity.icon} size={13} />
        <span className="seen-by-readers-only">{of}: </span>
        <span>{integrity.word}</span>
        <span className="chip-part">{TIER[label.tier].word}</span>
        {sources.length > 0 ? <span className="chip-part chip-sources">{sources.length === 1 ? "1 source" : `${sources.length} sources`}</span> : null}
      </Button>
      <Popover className="popover" placement="bottom end" offset={6}>
        <Dialog className="popover-body">
          <Heading slot="title">
            {of}: {integrity.word.toLowerCase()}
          </Heading>
          <p>{integrity.sentence}</p>
          <p>
            Confidentiality <strong>{TIER[label.tier].word}</strong>. {TIER[label.tier].sentence}
          </p>
          <h3>Where it came from</h3>
          <Sources label={label} />
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

/** The sources of a label, one by one. */
export function Sources({ label }: { readonly label: Label }) {
  if (label.sources.length === 0) return <p className="faint">Nowhere but here.</p>;
  return (
    <ul className="sources">
      {label.sources.slice(0, SOURCES_SHOWN).map((source) => {
        const words = sourceWords(source);
        return (
          <li key={source}>
            <Icon name={words.icon} size={14} />
            <span className="faint">{words.kind}</span>
            <bdi>{oneLine(words.name)}</bdi>
          </li>
        );
      })}
      {label.sources.length > SOURCES_SHOWN ? <li className="faint">and {label.sources.length - SOURCES_SHOWN} more, in the audit log</li> : null}
    </ul>
  );
}

/** The label in a word or two, for lists. */
export function LabelMark({ label }: { readonly label: Label }) {
  const integrity = INTEGRITY[label.integrity];
  return (
    <span className={`label-mark tone-${integrity.tone}`}>
      <Icon name={integrity.icon} size={13} />
      <span>
        {integrity.word} · {TIER[label.tier].word}
      </span>
    </span>
  );
}
