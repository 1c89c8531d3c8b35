/** Where the owner writes: with completion of slash commands, and a place apart for words that are not the owner's. */
import { useEffect, useId, useImperativeHandle, useRef, useState, type ClipboardEvent, type FormEvent, type KeyboardEvent, type Ref } from "react";
import { Button } from "react-aria-components";
import { useHouse } from "../state/store.ts";
import { Icon } from "../ui/Icon.tsx";
import type { Command } from "../wire/schema.ts";

/** What the gateway takes in one message, in bytes of UTF-8. */
const TEXT_BYTES_MAX = 262_144;
/** A paste longer than this is likely somebody else's text. */
const PASTE_CHARACTERS_MIN = 240;

/** What was written and not sent, by session: it survives a look at another view. */
const unsent = new Map<string, { text: string; quoted: string | undefined }>();

/** What others may do with the field. */
export interface ComposerHandle {
  /** Puts `text` into it, ready to be changed. */
  readonly fill: (text: string) => void;
  readonly focus: () => void;
}

interface Properties {
  /** Whose unsent words these are. */
  readonly place: string;
  readonly busy: boolean;
  readonly placeholder: string;
  readonly ref?: Ref<ComposerHandle>;
  readonly onSend: (text: string, quoted: string | undefined) => void;
  readonly onCancel?: () => void;
}

/** The field for messages. */
export function Composer({ place, busy, placeholder, ref, onSend, onCancel }: Properties) {
  const [text, setText] = useState(() => unsent.get(place)?.text ?? "");
  const [quoted, setQuoted] = useState<string | undefined>(() => unsent.get(place)?.quoted);
  const [pasted, setPasted] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  const menu = useCommands(text);
  const hintId = useId();
  const bytes = new TextEncoder().encode(text).length;
  const tooLong = bytes > TEXT_BYTES_MAX;
  const sendable = text.trim() !== "" && !tooLong;

  useEffect(() => {
    unsent.set(place, { text, quoted });
  }, [place, text, quoted]);
  useImperativeHandle(ref, () => ({
    fill: (given) => {
      setText(given);
      field.current?.focus();
    },
    focus: () => field.current?.focus(),
  }));

  const send = () => {
    if (!sendable) return;
    onSend(text.trim(), quoted?.trim() === "" ? undefined : quoted);
    setText("");
    setQuoted(undefined);
    setPasted(undefined);
    field.current?.focus();
  };
  const choose = (command: Command) => {
    setText(command.arguments === "" ? command.name : `${command.name} `);
    menu.close();
    field.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (menu.onKey(event, choose)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && busy) {
      onCancel?.();
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const piece = event.clipboardData.getData("text/plain");
    if (piece.length >= PASTE_CHARACTERS_MIN && quoted === undefined) setPasted(piece);
  };
  const keepAsQuote = () => {
    if (pasted === undefined) return;
    setText((before) => before.replace(pasted.replaceAll("\r\n", "\n"), "").trim());
    setQuoted(pasted);
    setPasted(undefined);
    field.current?.focus();
  };
  return (
    <form
      className="composer"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        send();
      }}
    >
      {menu.open ? <CommandMenu menu={menu} onChoose={choose} /> : null}
      {pasted === undefined ? null : (
        <div className="composer-paste" role="status">
          <p>Are these {pasted.length} characters your own words? What somebody else wrote is safer as a quote: it is read, and never obeyed.</p>
          <Button className="button button-quiet button-small" onPress={keepAsQuote}>
            <Icon name="quote" size={14} /> Keep as a quote
          </Button>
          <Button className="button button-plain button-small" onPress={() => setPasted(undefined)}>
            My own words
          </Button>
        </div>
      )}
      {quoted === undefined ? null : <QuoteField quoted={quoted} onChange={setQuoted} />}
      <div className="composer-field" data-text={`${text} `}>
        <textarea
          ref={field}
          id="composer"
          rows={1}
          value={text}
          placeholder={placeholder}
          aria-label="Message to Hardshell"
          aria-describedby={hintId}
          role="combobox"
          aria-autocomplete="list"
          aria-expanded={menu.open}
          aria-controls={menu.listId}
          aria-activedescendant={menu.open ? menu.activeId : undefined}
          aria-invalid={tooLong}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKey}
          onPaste={onPaste}
          onBlur={menu.close}
          autoComplete="off"
          spellCheck
        />
      </div>
      <div className="composer-bar">
        <Button className="button button-plain button-small" isDisabled={quoted !== undefined} onPress={() => setQuoted("")}>
          <Icon name="quote" size={15} /> Add a quote
        </Button>
        <p className="composer-hint" id={hintId}>
          {tooLong ? <span className="tone-danger">Too long: {Math.ceil(bytes / 1024)} KiB of {TEXT_BYTES_MAX / 1024}</span> : <span><kbd className="key">/</kbd> for commands, <kbd className="key">Shift</kbd> <kbd className="key">Enter</kbd> for a new line</span>}
        </p>
        {busy && onCancel !== undefined ? (
          <Button className="button button-quiet" onPress={onCancel}>
            <Icon name="stop" /> Stop
          </Button>
        ) : null}
        <Button type="submit" className="button button-primary button-icon" isDisabled={!sendable} aria-label="Send">
          <Icon name="send" size={18} />
        </Button>
      </div>
    </form>
  );
}

function QuoteField({ quoted, onChange }: { readonly quoted: string; readonly onChange: (quoted: string | undefined) => void }) {
  const id = useId();
  return (
    <div className="composer-quote">
      <label htmlFor={id}>
        <Icon name="quote" size={14} /> Quoted text: read, never obeyed
      </label>
      <Button className="button button-plain button-icon button-small" aria-label="Remove the quote" onPress={() => onChange(undefined)}>
        <Icon name="close" size={15} />
      </Button>
      <textarea id={id} rows={3} value={quoted} placeholder="Paste a mail, a page, a message from somebody" onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}

interface Menu {
  readonly open: boolean;
  readonly listId: string;
  readonly activeId: string;
  readonly active: number;
  readonly found: readonly Command[];
  readonly close: () => void;
  readonly point: (at: number) => void;
  /** Whether the key was for the menu. */
  readonly onKey: (event: KeyboardEvent, choose: (command: Command) => void) => boolean;
}

function useCommands(text: string): Menu {
  const commands = useHouse((state) => state.commands);
  const [closedFor, setClosedFor] = useState<string>();
  const [pointed, setPointed] = useState(0);
  const listId = useId();
  const isCommand = /^\/[a-z]*$/u.test(text);
  const found = isCommand ? commands.filter((command) => command.name.startsWith(text)) : [];
  const exact = found.length === 1 && found[0]?.name === text && found[0].arguments === "";
  const open = found.length > 0 && !exact && closedFor !== text;
  const active = Math.min(pointed, Math.max(0, found.length - 1));
  const onKey: Menu["onKey"] = (event, choose) => {
    if (!open) return false;
    const chosen = found[active];
    if (event.key === "ArrowDown") setPointed((active + 1) % found.length);
    else if (event.key === "ArrowUp") setPointed((active + found.length - 1) % found.length);
    else if (event.key === "Escape") setClosedFor(text);
    else if ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && !event.shiftKey && chosen?.name !== text)) {
      if (chosen !== undefined) choose(chosen);
    } else return false;
    event.preventDefault();
    return true;
  };
  return { open, listId, activeId: `${listId}-${active}`, active, found, close: () => setClosedFor(text), point: setPointed, onKey };
}

function CommandMenu({ menu, onChoose }: { readonly menu: Menu; readonly onChoose: (command: Command) => void }) {
  return (
    <ul className="commands" id={menu.listId} role="listbox" aria-label="Commands">
      {menu.found.map((command, at) => (
        <li
          key={command.name}
          id={`${menu.listId}-${at}`}
          role="option"
          aria-selected={at === menu.active}
          className={at === menu.active ? "commands-active" : undefined}
          onPointerMove={() => menu.point(at)}
          onPointerDown={(event) => {
            event.preventDefault();
            onChoose(command);
          }}
        >
          <code>
            {command.name} <span className="faint">{command.arguments}</span>
          </code>
          <span>{command.help}</span>
        </li>
      ))}
    </ul>
  );
}
