/** A small word with a picture and a colour. */
import type { Tone } from "../words.ts";
import { Icon, type IconName } from "./Icon.tsx";

/** `word` in the colour of `tone`. */
export function Chip({ word, tone, icon }: { readonly word: string; readonly tone: Tone; readonly icon?: IconName }) {
  return (
    <span className={`chip chip-${tone}`}>
      {icon === undefined ? null : icon === "running" ? <span className="spinner spinner-small" /> : <Icon name={icon} size={13} />}
      <span>{word}</span>
    </span>
  );
}
