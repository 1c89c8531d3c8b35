/** The stop switch: everything stops at once, and only a person at the machine lets it go on. */
import { useState } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useStore } from "../state/store.ts";
import { CommandLine } from "../ui/Copy.tsx";
import { Icon } from "../ui/Icon.tsx";

/** The panel in the status view. */
export function StopSwitch({ locked }: { readonly locked: boolean }) {
  return (
    <section className="panel" aria-labelledby="stop">
      <h2 id="stop">Stop switch</h2>
      <div className="stack">
        {locked ? (
          <>
            <p>Everything is stopped. It goes on when a person types this at a terminal of the machine:</p>
            <CommandLine command="hardshell lockdown off" />
          </>
        ) : (
          <>
            <p>Ends every command and connection, takes back every sign-in, and refuses whatever comes, also after a restart.</p>
            <Confirm />
          </>
        )}
      </div>
    </section>
  );
}

function Confirm() {
  const store = useStore();
  const [open, setOpen] = useState(false);
  return (
    <DialogTrigger isOpen={open} onOpenChange={setOpen}>
      <Button className="button button-danger">
        <Icon name="lock" size={16} /> Stop everything…
      </Button>
      <ModalOverlay className="overlay" isDismissable>
        <Modal className="modal">
          <Dialog className="dialog" role="alertdialog">
            <Heading slot="title">Stop everything?</Heading>
            <p>
              This signs out this page too. It is released at the machine alone, with <code>hardshell lockdown off</code>{" "}
              in a terminal there: make sure that you can reach one.
            </p>
            <div className="dialog-actions">
              <Button slot="close" className="button button-quiet">
                Back
              </Button>
              <Button
                className="button button-danger"
                onPress={() => {
                  setOpen(false);
                  void store.lockDown();
                }}
              >
                Stop everything
              </Button>
            </div>
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}
