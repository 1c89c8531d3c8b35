/** Watch an attack: it is played by the program on a stage of its own, and told here line by line. */
import { useRef, useState } from "react";
import { Button, Dialog, Heading, type Key, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { api, faultOf } from "../wire/api.ts";
import type { Demo, DemoLine, Fault } from "../wire/schema.ts";
import { CommandLine } from "../ui/Copy.tsx";
import { FaultNote } from "../ui/Fault.tsx";
import { Icon } from "../ui/Icon.tsx";

type Stage =
  | { readonly at: "before" }
  | { readonly at: "playing" }
  | { readonly at: "over"; readonly demo: Demo; readonly without: readonly string[] }
  | { readonly at: "failed"; readonly fault: Fault };

/** The dialog. Each press of a button plays an attack anew: nothing is shown that did not just happen. */
export function Attack() {
  const [stage, setStage] = useState<Stage>({ at: "before" });
  const told = useRef<HTMLDivElement>(null);
  const play = (name: string | undefined, without: readonly string[]) => {
    // The button that was pressed goes away: the keyboard stays in the dialog, where the story will be.
    told.current?.focus();
    setStage({ at: "playing" });
    api.demo(name, without).then(
      (demo) => setStage({ at: "over", demo, without }),
      (error: unknown) => setStage({ at: "failed", fault: faultOf(error) }),
    );
  };
  return (
    <Dialog className="dialog">
      <Heading slot="title">Watch an attack</Heading>
      <p>
        A mail orders a hijacked model to send your keys away, and the model obeys, word for word. It is played now, in a
        temporary home with decoy keys and, where this machine gives namespaces, on a network with nobody else on it.
        Nothing of yours is touched, nothing leaves this machine.
      </p>
      <div ref={told} className="attack-told" tabIndex={-1} aria-live="polite" aria-busy={stage.at === "playing"}>
        {stage.at === "playing" ? (
          <p className="attack-wait">
            <span className="spinner" aria-hidden="true" /> Starting a house for it, and playing…
          </p>
        ) : null}
        {stage.at === "failed" ? <FaultNote fault={stage.fault} tried="play the attack" /> : null}
        {stage.at === "over" ? <Told demo={stage.demo} /> : null}
      </div>
      {stage.at === "over" ? <Others demo={stage.demo} without={stage.without} onPlay={play} /> : null}
      {stage.at === "over" ? (
        <>
          <p className="faint">The same in a terminal, and every variant of it:</p>
          <CommandLine command="hardshell demo" />
        </>
      ) : null}
      <div className="dialog-actions">
        <Button slot="close" className="button button-quiet">
          Close
        </Button>
        {stage.at === "over" ? null : (
          <Button className="button button-primary" isDisabled={stage.at === "playing"} onPress={() => play(undefined, [])}>
            {stage.at === "failed" ? "Play it again" : "Play it"}
          </Button>
        )}
      </div>
    </Dialog>
  );
}

function Told({ demo }: { readonly demo: Demo }) {
  return (
    <>
      <p className={demo.harmed ? "attack-end attack-bad" : "attack-end attack-good"}>
        <Icon name={demo.harmed ? "failed" : "check"} size={16} />
        {demo.harmed ? "The attack came to what it was after." : "The attack came to nothing."}
      </p>
      {/* A story is long: it scrolls, so it can be reached with the keyboard. */}
      <div className="attack-story" role="region" aria-label="What happened" tabIndex={0}>
        {demo.lines.map((line, index) => (
          <Line key={index} line={line} />
        ))}
      </div>
    </>
  );
}

function Line({ line }: { readonly line: DemoLine }) {
  if (line.text === "") return <span className="attack-gap" aria-hidden="true" />;
  const words = line.text.trimStart();
  const indent = line.text.length - words.length;
  return <p className={`attack-line attack-${line.tone}${indent > 0 ? " attack-indented" : ""}`}>{words}</p>;
}

interface OthersProps {
  readonly demo: Demo;
  readonly without: readonly string[];
  readonly onPlay: (name: string, without: readonly string[]) => void;
}

/** The walls that can be left out on the stage, and what leaving one out means. */
const WALLS = [
  { id: "policy", meaning: "you approve every question unread" },
  { id: "sandbox", meaning: "the folder with the keys is opened to commands" },
  { id: "egress", meaning: "the attacker's server is named as one of yours" },
] as const;

function Others({ demo, without, onPlay }: OthersProps) {
  const [out, setOut] = useState<ReadonlySet<Key>>(new Set(without));
  const left = WALLS.filter(({ id }) => out.has(id));
  return (
    <div className="attack-again">
      <p id="attack-walls">Which wall holds? Leave some out, and play it again:</p>
      <div className="attack-others">
        <ToggleButtonGroup
          className="filters"
          aria-labelledby="attack-walls"
          selectionMode="multiple"
          selectedKeys={out}
          onSelectionChange={setOut}
        >
          {WALLS.map(({ id }) => (
            <ToggleButton key={id} id={id} className="filter">
              without {id}
            </ToggleButton>
          ))}
        </ToggleButtonGroup>
        <Button className="button button-primary" onPress={() => onPlay(demo.name, left.map(({ id }) => id))}>
          {left.length === 0 ? "Again, with every wall" : "Again, without"}
        </Button>
      </div>
      {left.map(({ id, meaning }) => (
        <p key={id} className="faint">
          Without {id}, {meaning}.
        </p>
      ))}
      <p>Other attacks:</p>
      <div className="attack-others">
        {demo.attacks
          .filter((attack) => attack.name !== demo.name)
          .map((attack) => (
            <Button key={attack.name} className="button button-quiet" onPress={() => onPlay(attack.name, [])}>
              {attack.title}
            </Button>
          ))}
      </div>
    </div>
  );
}
