/** What is shown to somebody who is not signed in: how to come in, and what was wrong with a link. */
import { useState, type FormEvent } from "react";
import { Button, Input, Label as FieldLabel, TextField } from "react-aria-components";
import type { SignInState } from "../state/state.ts";
import { useStore } from "../state/store.ts";
import { CommandLine } from "../ui/Copy.tsx";
import { FaultNote } from "../ui/Fault.tsx";
import { Icon, Mark } from "../ui/Icon.tsx";
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
        {signIn.kind === "unknown" ? <Knocking /> : signIn.kind === "unreachable" ? <Unreachable signIn={signIn} /> : <Out signIn={signIn} />}
      </div>
    </main>
  );
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
      <Button className="button button-primary" onPress={() => void store.start(undefined)}>
        <Icon name="again" /> Try again
      </Button>
    </>
  );
}

const TITLES: Readonly<Record<Extract<SignInState, { kind: "out" }>["reason"], string>> = {
  never: "Sign in with a link",
  ended: "Your sign-in has ended",
  left: "You are signed out",
  "bad-link": "This link is no longer good",
};

function Out({ signIn }: { readonly signIn: Extract<SignInState, { kind: "out" }> }) {
  const heading = useFocusOnOpen<HTMLHeadingElement>();
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {TITLES[signIn.reason]}
      </h1>
      {signIn.reason === "bad-link" ? (
        <p>
          {signIn.fault === undefined || signIn.fault.code === "not_signed_in"
            ? "A link is good once, and for ten minutes. This one has been used, or its time is over."
            : `The answer was: ${signIn.fault.message}.`}
          {signIn.fault?.hint === undefined ? "" : ` ${signIn.fault.hint}`}
        </p>
      ) : (
        <p>There is no password. A link from the machine where Hardshell runs lets this browser in, once.</p>
      )}
      <ol className="door-steps">
        <li>
          <p>On that machine, in a terminal:</p>
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

/** For a link that arrived in another window, or on another device. */
function PasteLink() {
  const store = useStore();
  const [text, setText] = useState("");
  const token = tokenOf(text);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token === undefined) return;
    setText("");
    void store.start(token);
  };
  return (
    <form className="door-form" onSubmit={submit}>
      <TextField className="field" value={text} onChange={setText} autoComplete="off">
        <FieldLabel>Or paste the link here</FieldLabel>
        <Input className="input" placeholder="http://127.0.0.1:18789/#token=…" />
      </TextField>
      <Button type="submit" className="button button-quiet" isDisabled={token === undefined}>
        Sign in
      </Button>
    </form>
  );
}
