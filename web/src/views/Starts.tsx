/** Three ways to begin: watch an attack, try something, connect a model. */
import { useState, type ReactNode } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay, Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { useHouse } from "../state/store.ts";
import { CommandLine } from "../ui/Copy.tsx";
import { Icon, type IconName } from "../ui/Icon.tsx";
import { Attack } from "./Attack.tsx";

/** The commands offered first, when the house knows them. */
const FAVOURITES = ["/mail", "/brief", "/disk", "/find", "/uptime"];

/** The three cards. `onRun` sends a line, `onFill` puts it into the field. */
export function Starts({ onRun, onFill }: { readonly onRun: (text: string) => void; readonly onFill: (text: string) => void }) {
  return (
    <div className="starts">
      <DialogTrigger>
        <Card icon="attack" title="Watch an attack" text="A mail orders a hijacked model to send your keys away. See which wall stops it." />
        <Overlay>
          <Attack />
        </Overlay>
      </DialogTrigger>
      <DialogTrigger>
        <Card icon="try" title="Try it" text="Slash commands on a sample mailbox and this machine. They pass the same door as any model." />
        <Overlay>
          <TryIt onRun={onRun} onFill={onFill} />
        </Overlay>
      </DialogTrigger>
      <DialogTrigger>
        <Card icon="connect" title="Connect a model" text="Anthropic, anything that speaks OpenAI’s protocol, or Ollama on your own machine." />
        <Overlay>
          <Dialog className="dialog">
            <Heading slot="title">Connect a model</Heading>
            <p>
              In a terminal on the machine where Hardshell runs. It asks for the key, keeps it in the vault, and tries the
              model once. The key never enters a prompt, a log or this page.
            </p>
            <ConnectModel />
            <Close word="Done" />
          </Dialog>
        </Overlay>
      </DialogTrigger>
    </div>
  );
}

function Card({ icon, title, text }: { readonly icon: IconName; readonly title: string; readonly text: string }) {
  return (
    <Button className="start">
      <Icon name={icon} size={20} />
      <span className="start-title">{title}</span>
      <span className="start-text">{text}</span>
    </Button>
  );
}

function Overlay({ children }: { readonly children: ReactNode }) {
  return (
    <ModalOverlay className="overlay" isDismissable>
      <Modal className="modal">{children}</Modal>
    </ModalOverlay>
  );
}

function Close({ word }: { readonly word: string }) {
  return (
    <div className="dialog-actions">
      <Button slot="close" className="button button-primary">
        {word}
      </Button>
    </div>
  );
}

function TryIt({ onRun, onFill }: { readonly onRun: (text: string) => void; readonly onFill: (text: string) => void }) {
  const commands = useHouse((state) => state.commands);
  const sample = useHouse((state) => state.status?.sample_mailbox ?? false);
  const first = FAVOURITES.flatMap((name) => commands.find((command) => command.name === name) ?? []);
  const rest = commands.filter((command) => !first.includes(command));
  return (
    <Dialog className="dialog">
      {({ close }) => (
        <>
          <Heading slot="title">Try it</Heading>
          {sample ? <p>The mailbox is a sample that we wrote. One of its mails is up to no good.</p> : <p>These work on your own mail, files and machine.</p>}
          {commands.length === 0 ? <p className="faint">Hardshell has not told this page its commands yet.</p> : null}
          <ul className="tries">
            {[...first, ...rest].map((command) => (
              <li key={command.name}>
                <Button
                  className="try"
                  onPress={() => {
                    close();
                    if (command.arguments === "") onRun(command.example);
                    else onFill(command.example);
                  }}
                >
                  <code>{command.example}</code>
                  <span>{command.help}</span>
                  <span className="try-verb">{command.arguments === "" ? "Run" : "Edit"}</span>
                </Button>
              </li>
            ))}
          </ul>
          <Close word="Close" />
        </>
      )}
    </Dialog>
  );
}

const MODELS: readonly { readonly id: string; readonly name: string; readonly command: string; readonly secret?: string; readonly test: string; readonly note: string }[] = [
  { id: "anthropic", name: "Anthropic", command: "hardshell model add claude --kind anthropic --model claude-sonnet-4-5", secret: "hardshell secret set claude --host api.anthropic.com", test: "hardshell model test claude", note: "Needs an API key of your account there." },
  { id: "openai", name: "OpenAI & alike", command: "hardshell model add gpt --kind openai --model gpt-5", secret: "hardshell secret set gpt --host api.openai.com", test: "hardshell model test gpt", note: "OpenAI, OpenRouter, vLLM, llama.cpp server, LM Studio: whatever serves chat completions." },
  { id: "ollama", name: "Ollama", command: "hardshell model add local --kind ollama --model qwen3", test: "hardshell model test local", note: "Runs on your own machine. Nothing leaves it, so it may see what is confidential." },
];

/** The exact commands, by kind of model. */
export function ConnectModel() {
  const [kind, setKind] = useState("anthropic");
  return (
    <Tabs className="tabs" selectedKey={kind} onSelectionChange={(key) => setKind(String(key))}>
      <TabList className="tab-list" aria-label="Kind of model">
        {MODELS.map((model) => (
          <Tab key={model.id} id={model.id} className="tab">
            {model.name}
          </Tab>
        ))}
      </TabList>
      {MODELS.map((model) => (
        <TabPanel key={model.id} id={model.id} className="stack">
          <p className="faint">{model.note}</p>
          <CommandLine command={model.command} />
          {model.secret === undefined ? null : <CommandLine command={model.secret} />}
          <p className="faint">A model is read at the start: stop Hardshell (Ctrl-C where it runs), try the model, and start it again.</p>
          <CommandLine command={model.test} />
          <CommandLine command="hardshell up" />
        </TabPanel>
      ))}
    </Tabs>
  );
}

