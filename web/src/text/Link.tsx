/** A link that says where it leads before it is followed. */
import type { ReactNode } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";
import { CopyButton } from "../ui/Copy.tsx";
import { Icon } from "../ui/Icon.tsx";
import type { Integrity } from "../wire/schema.ts";
import { Exact, OddityNote } from "./Exact.tsx";
import { defanged, destination } from "./links.ts";

/** A link to `target`. In text that others could have written it is shown whole before it opens. */
export function Link({ target, integrity, children }: { readonly target: string; readonly integrity: Integrity; readonly children: ReactNode }) {
  const where = destination(target);
  if (where.kind === "shown") {
    return (
      <span className="link-dead">
        {children}
        {where.text === "" ? null : <span className="link-host">{defanged(where.text.slice(0, 80))}</span>}
      </span>
    );
  }
  if (integrity !== "untrusted") {
    return (
      <a className="link" href={where.url} target="_blank" rel="noopener noreferrer nofollow">
        {children}
        <span className="link-host">{where.host}</span>
      </a>
    );
  }
  return (
    <DialogTrigger>
      <Button className="link link-untrusted">
        {children}
        <span className="link-host">{defanged(where.host)}</span>
      </Button>
      <ModalOverlay className="overlay" isDismissable>
        <Modal className="modal">
          <Dialog className="dialog">
            <Heading slot="title">This link comes from text you did not write</Heading>
            <p>
              It leads to <strong>{where.host}</strong>. An address can carry your data to whoever runs that host: read it
              to the end before you open it.
            </p>
            <Exact text={where.url} form="block" />
            <OddityNote text={target} />
            <div className="dialog-actions">
              <CopyButton text={where.url} what="address" />
              <a className="button button-quiet" href={where.url} target="_blank" rel="noopener noreferrer nofollow">
                <Icon name="out" /> Open {where.host}
              </a>
              <Button slot="close" className="button button-primary">
                Leave it
              </Button>
            </div>
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}
