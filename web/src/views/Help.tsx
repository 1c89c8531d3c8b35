/** Every keyboard shortcut, in one dialog. */
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { SHORTCUTS } from "../ui/shortcuts.ts";

/** The dialog. */
export function Help({ open, onOpen }: { readonly open: boolean; readonly onOpen: (open: boolean) => void }) {
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
