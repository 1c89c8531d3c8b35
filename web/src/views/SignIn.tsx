/** What is shown to somebody who is not signed in: how to come in, and what was wrong with a link. */
import { useId, useState, type FormEvent, type ReactNode } from "react";
import { Button, Input, Label as FieldLabel, TextField } from "react-aria-components";
import type { OutReason, SignInState } from "../state/state.ts";
import { useStore } from "../state/store.ts";
import { CommandLine } from "../ui/Copy.tsx";
import { FaultNote } from "../ui/Fault.tsx";
import { Icon, Mark } from "../ui/Icon.tsx";
import { useSecond } from "../ui/now.ts";
import { tokenOf } from "../ui/token.ts";
import { useFocusOnOpen } from "./Page.tsx";

/** The page for `signIn`. */
export function SignIn({ signIn }: { readonly signIn: Exclude<SignInState, { kind: "in" }> }) {
  return (
    <main className="door">
      <div className="door-body">
        <p className="brand">
          <Mark size={36} />
          Hardshell
        </p>
        <Door signIn={signIn} />
      </div>
    </main>
  );
}

function Door({ signIn }: { readonly signIn: Exclude<SignInState, { kind: "in" }> }) {
  switch (signIn.kind) {
    case "unknown":
      return <Knocking />;
    case "unreachable":
      return <Unreachable signIn={signIn} />;
    case "waits":
      return <Waits until={signIn.until} />;
    case "out":
      return <Out key={signIn.reason} signIn={signIn} />;
  }
}

function Knocking() {
  return (
    <p className="door-wait" role="status">
      <span className="spinner" /> Signing you in
    </p>
  );
}

function Unreachable({ signIn }: { readonly signIn: Extract<SignInState, { kind: "unreachable" }> }) {
  const store = useStore();
  const heading = useFocusOnOpen<HTMLHeadingElement>();
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        Nobody answers
      </h1>
      <FaultNote fault={signIn.fault} tried="reach Hardshell" />
      <Button className="button button-primary" onPress={store.again}>
        <Icon name="again" /> Try again
      </Button>
    </>
  );
}

/** Counts down to the next try. */
function Waits({ until }: { readonly until: number }) {
  const store = useStore();
  const heading = useFocusOnOpen<HTMLHeadingElement>();
  const seconds = Math.max(0, Math.ceil((until - useSecond()) / 1000));
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        Too many tries from this machine
      </h1>
      <p>
        This link has not been used up: <span role="timer">{seconds === 0 ? "signing in again now" : `signing in again in ${seconds} s`}</span>. Leave
        this page open. A link is good for ten minutes.
      </p>
      <Button className="button button-primary" onPress={store.again}>
        <Icon name="again" /> Try now
      </Button>
    </>
  );
}

const TITLES: Readonly<Record<OutReason, string>> = {
  never: "Sign in with a link",
  ended: "Your sign-in has ended",
  left: "You are signed out",
  "bad-link": "This link is no longer good",
  locked: "Hardshell is locked down",
};

function Out({ signIn }: { readonly signIn: Extract<SignInState, { kind: "out" }> }) {
  const heading = useFocusOnOpen<HTMLHeadingElement>();
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {TITLES[signIn.reason]}
      </h1>
      <p>
        <Why signIn={signIn} />
      </p>
      <ol className="door-steps">
        {signIn.reason === "locked" ? (
          <li>
            <p>On that machine, in a terminal, to release it:</p>
            <CommandLine command="hardshell lockdown off" />
          </li>
        ) : null}
        <li>
          <p>{signIn.reason === "locked" ? "Then, for a new link:" : "On that machine, in a terminal:"}</p>
          <CommandLine command="hardshell sign-in" />
        </li>
        <li>
          <p>Open the link that it prints. Is the machine elsewhere? The command prints the SSH tunnel line as well: run that first, here.</p>
        </li>
      </ol>
      <PasteLink />
    </>
  );
}

function Why({ signIn }: { readonly signIn: Extract<SignInState, { kind: "out" }> }): ReactNode {
  const { reason, fault } = signIn;
  switch (reason) {
    case "never":
    case "ended":
    case "left":
      return "There is no password. A link from the machine where Hardshell runs lets this browser in, once.";
    case "locked":
      return "Everything is stopped, and every sign-in and every link was taken back. It is released at the machine where Hardshell runs, and nowhere else.";
    case "bad-link":
      return (
        <>
          {fault === undefined || fault.code === "not_signed_in"
            ? "A link is good once, and for ten minutes. This one has been used, or its time is over."
            : `The answer was: ${fault.message}.`}
          {fault?.hint === undefined ? "" : ` ${fault.hint}`}
        </>
      );
  }
}

/** For a link that arrived in another window, or on another device. */
function PasteLink() {
  const store = useStore();
  const [text, setText] = useState("");
  const note = useId();
  const token = tokenOf(text);
  const odd = text.trim() !== "" && token === undefined;
  const link = `${window.location.origin}/#token=…`;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token === undefined) return;
    setText("");
    void store.start(token);
  };
  return (
    <form className="door-form" onSubmit={submit}>
      <TextField className="field" value={text} onChange={setText} autoComplete="off" isInvalid={odd} validationBehavior="aria" aria-describedby={note}>
        <FieldLabel>Or paste the link here</FieldLabel>
        <Input className="input" placeholder={link} />
      </TextField>
      <Button type="submit" className="button button-quiet" isDisabled={token === undefined}>
        Sign in
      </Button>
      <p id={note} className="door-note" role="status">
        {odd ? (
          <>
            This is no sign-in link. A link looks like <code>{link}</code>, on one line; <code>hardshell sign-in</code> prints it.
          </>
        ) : null}
      </p>
    </form>
  );
}
