/** What a session may read at most: in sight, and changed by the owner alone. */
import { Button, Dialog, DialogTrigger, Heading, Popover, Radio, RadioGroup } from "react-aria-components";
import { useStore } from "../state/store.ts";
import { Icon } from "../ui/Icon.tsx";
import type { Tier } from "../wire/schema.ts";
import { CEILING, TIER } from "../words.ts";

const TIERS: readonly Tier[] = ["low", "medium", "high"];

/** A chip that opens to the three tiers. */
export function Ceiling({ session, ceiling }: { readonly session: string; readonly ceiling: Tier }) {
  const store = useStore();
  return (
    <DialogTrigger>
      <Button className="chip chip-plain chip-ceiling">
        <Icon name="lock" size={13} />
        <span className="seen-by-readers-only">This session reads at most: </span>
        <span aria-hidden>≤</span>
        <span>{TIER[ceiling].word}</span>
      </Button>
      <Popover className="popover" placement="bottom end" offset={6}>
        <Dialog className="popover-body">
          <Heading slot="title">What this session may read</Heading>
          <p>Anything more confidential is refused, or kept back where only the result shows it. What it has read stays read.</p>
          <RadioGroup className="tiers" aria-label="At most" value={ceiling} onChange={(tier) => void store.setCeiling(session, tier as Tier)}>
            {TIERS.map((tier) => (
              <Radio key={tier} value={tier} className="tier">
                <span className="tier-word">{TIER[tier].word}</span>
                <span className="tier-sentence">{CEILING[tier]}</span>
              </Radio>
            ))}
          </RadioGroup>
          <p className="faint">A change is on record.</p>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
