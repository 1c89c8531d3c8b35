/** Every keyboard shortcut, in one dialog. */
import { Button, Dialog, Heading, Modal, ModalOverlay, Switch } from "react-aria-components";
import { useRemembered } from "../ui/remembered.ts";
import { SHORTCUTS, singleKeys } from "../ui/shortcuts.ts";

/** The dialog. */
export function Help({ open, onOpen }: { readonly open: boolean; readonly onOpen: (open: boolean) => void }) {
  const on = useRemembered(singleKeys) === "on";
  return (
    <ModalOverlay className="overlay" isDismissable isOpen={open} onOpenChange={onOpen}>
      <Modal className="modal">
        <Dialog className="dialog">
          <Heading slot="title">Keyboard</Heading>
          {SHORTCUTS.map((group) => (
            <section key={group.where} className="keys">
              <h3>{group.where}</h3>
              <dl>
                {group.keys.map(([keys, what]) => (
                  <div key={keys}>
                    <dt>
                      {keys.split(" ").map((key) => (
                        <kbd key={key} className="key">
                          {key}
                        </kbd>
                      ))}
                    </dt>
                    <dd>{what}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
          <Switch className="switch" isSelected={on} onChange={(next) => singleKeys.set(next ? "on" : "off")}>
            <span className="switch-track" />
            Single-key shortcuts outside of fields
          </Switch>
          <div className="dialog-actions">
            <Button slot="close" className="button button-primary">
              Close
            </Button>
          </div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
