/** What must be known in every view: lockdown, a lost connection, something that went wrong. */
import { Button } from "react-aria-components";
import { useHouse, useStore } from "../state/store.ts";
import { Hint } from "../ui/Hint.tsx";
import { Icon } from "../ui/Icon.tsx";
import { useSecond } from "../ui/now.ts";
import { couldNot } from "../words.ts";

/** All of them, the gravest first. */
export function Banners() {
  const store = useStore();
  const status = useHouse((state) => state.status);
  const link = useHouse((state) => state.link);
  const notices = useHouse((state) => state.notices);
  return (
    <div className="banners">
      {status?.lockdown === true ? (
        <div className="banner banner-danger" role="alert">
          <Icon name="lock" size={18} />
          <p>
            <strong>Locked down.</strong> Everything is stopped and nothing new begins. Only reading is possible. Release it at
            the machine: <code>hardshell lockdown off</code>
          </p>
        </div>
      ) : null}
      {link.kind === "lost" ? <Lost retryAt={link.retryAt} /> : null}
      {status !== undefined && !status.ready && !status.lockdown ? (
        <div className="banner banner-caution" role="status">
          <Icon name="clock" size={18} />
          <p>Hardshell is not ready to take messages. The reasons are under Status.</p>
        </div>
      ) : null}
      {notices.map((notice) => (
        <div key={notice.id} className="banner banner-caution" role="alert" data-code={notice.fault.code}>
          <Icon name="failed" size={18} />
          <p>
            {couldNot("do that", notice.fault.message)} {notice.fault.hint === undefined ? null : <Hint text={notice.fault.hint} />}
            {notice.count > 1 ? <span className="faint"> ({notice.count} times)</span> : null}
          </p>
          <Button className="button button-plain button-icon button-small" aria-label="Dismiss" onPress={() => store.dismiss(notice.id)}>
            <Icon name="close" />
          </Button>
        </div>
      ))}
    </div>
  );
}

function Lost({ retryAt }: { readonly retryAt: number }) {
  const store = useStore();
  const seconds = Math.max(0, Math.ceil((retryAt - useSecond()) / 1000));
  return (
    <div className="banner banner-plain" role="status">
      <Icon name="offline" size={18} />
      <p>
        <strong>Connection lost.</strong> Nothing is lost with it: what you write now is sent when Hardshell is back.{" "}
        <span aria-hidden>{seconds === 0 ? "Trying now." : `Next try in ${seconds} s.`}</span>
      </p>
      <Button className="button button-quiet button-small" onPress={store.reconnect}>
        Try now
      </Button>
    </div>
  );
}
