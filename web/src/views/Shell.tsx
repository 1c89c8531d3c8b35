/** The frame around every view: navigation, banners, shortcuts. */
import { useCallback, useEffect, useState, type ReactNode } from "react";
import { Button, Dialog, DialogTrigger, Modal, ModalOverlay } from "react-aria-components";
import { useHouse, useStore } from "../state/store.ts";
import { Go } from "../ui/Go.tsx";
import { Icon, Mark, type IconName } from "../ui/Icon.tsx";
import { useRoute, type Route } from "../ui/router.ts";
import { useShortcuts } from "../ui/shortcuts.ts";
import { Approvals } from "./Approvals.tsx";
import { Audit } from "./Audit.tsx";
import { Banners } from "./Banners.tsx";
import { Chat, NewChat } from "./Chat.tsx";
import { Help } from "./Help.tsx";
import { Nowhere } from "./Nowhere.tsx";
import { Sidebar } from "./Sidebar.tsx";
import { Status } from "./Status.tsx";

/** The page of somebody who is signed in. */
export function Shell() {
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const [drawer, setDrawer] = useState(false);
  useShortcuts(useCallback(() => setHelp(true), []));
  useTitle(route);
  useNudge();
  return (
    <div className="shell">
      <a className="skip" href="#main">
        To the content
      </a>
      <nav className="side" aria-label="Hardshell">
        <Sidebar route={route} onHelp={() => setHelp(true)} onGo={() => setDrawer(false)} />
      </nav>
      <div className="stage">
        <TopBar drawer={drawer} onDrawer={setDrawer} route={route} onHelp={() => setHelp(true)} />
        <Banners />
        <main id="main" className="main" tabIndex={-1}>
          <View route={route} />
        </main>
        <TabBar route={route} />
      </div>
      <Help open={help} onOpen={setHelp} />
    </div>
  );
}

/** Where the addresses of sessions begin. */
const SESSIONS = "/s/";

function View({ route }: { readonly route: Route }): ReactNode {
  switch (route.view) {
    case "new":
      return <NewChat />;
    case "chat":
      return <Chat key={route.session} id={route.session} />;
    case "approvals":
      return <Approvals />;
    case "audit":
      return <Audit />;
    case "status":
      return <Status />;
    case "nowhere":
      return route.path.startsWith(SESSIONS) ? <Nowhere what="session" name={route.path.slice(SESSIONS.length)} /> : <Nowhere what="page" name={route.path} />;
  }
}

interface TopBarProperties {
  readonly route: Route;
  readonly drawer: boolean;
  readonly onDrawer: (open: boolean) => void;
  readonly onHelp: () => void;
}

/** On narrow screens: the name, and the navigation in a drawer. */
function TopBar({ route, drawer, onDrawer, onHelp }: TopBarProperties) {
  return (
    <header className="top">
      <DialogTrigger isOpen={drawer} onOpenChange={onDrawer}>
        <Button className="button button-plain button-icon" aria-label="Sessions and settings">
          <Icon name="menu" size={20} />
        </Button>
        <ModalOverlay className="overlay overlay-drawer" isDismissable>
          <Modal className="drawer">
            <Dialog className="drawer-body" aria-label="Sessions and settings">
              <Sidebar
                route={route}
                onHelp={() => {
                  onDrawer(false);
                  onHelp();
                }}
                onGo={() => onDrawer(false)}
              />
            </Dialog>
          </Modal>
        </ModalOverlay>
      </DialogTrigger>
      <span className="brand brand-small">
        <Mark size={22} />
        Hardshell
      </span>
      <Go className="button button-plain button-icon" to={{ view: "new" }} current={false} label="New session">
        <Icon name="plus" size={20} />
      </Go>
    </header>
  );
}

const TABS: readonly { readonly route: Route; readonly word: string; readonly icon: IconName }[] = [
  { route: { view: "new" }, word: "Chat", icon: "chat" },
  { route: { view: "approvals" }, word: "Approvals", icon: "approvals" },
  { route: { view: "audit" }, word: "Audit", icon: "audit" },
  { route: { view: "status" }, word: "Status", icon: "status" },
];

function TabBar({ route }: { readonly route: Route }) {
  const pending = useHouse((state) => state.pending.length);
  const latest = useHouse((state) => state.sessions)?.[0]?.id;
  return (
    <nav className="tab-bar" aria-label="Views">
      {TABS.map((tab) => {
        const isChat = tab.route.view === "new";
        const current = isChat ? route.view === "new" || route.view === "chat" : route.view === tab.route.view;
        const to: Route = isChat && latest !== undefined ? { view: "chat", session: latest } : tab.route;
        return (
          <Go key={tab.word} className="tab-bar-item" to={to} current={current}>
            <Icon name={tab.icon} size={20} />
            <span>{tab.word}</span>
            {tab.route.view === "approvals" && pending > 0 ? <Badge count={pending} /> : null}
          </Go>
        );
      })}
    </nav>
  );
}

/** How many approvals wait. */
export function Badge({ count }: { readonly count: number }) {
  return (
    <span className="badge">
      {count}
      <span className="seen-by-readers-only"> waiting</span>
    </span>
  );
}

/** The window's title says what waits, also when the page is behind others. */
function useTitle(route: Route): void {
  const pending = useHouse((state) => state.pending.length);
  const sessions = useHouse((state) => state.sessions);
  const words = {
    new: "New session",
    chat: sessions?.find((session) => route.view === "chat" && session.id === route.session)?.title ?? "Session",
    approvals: "Approvals",
    audit: "Audit log",
    status: "Status",
    nowhere: "Nothing here",
  } as const;
  const title = `${pending > 0 ? `(${pending}) ` : ""}${words[route.view]} · Hardshell`;
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** A machine that wakes up or comes online tries the connection at once. */
function useNudge(): void {
  const store = useStore();
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === "visible") store.reconnect();
    };
    window.addEventListener("online", store.reconnect);
    document.addEventListener("visibilitychange", look);
    return () => {
      window.removeEventListener("online", store.reconnect);
      document.removeEventListener("visibilitychange", look);
    };
  }, [store]);
}
