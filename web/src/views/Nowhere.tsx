/** What an address opens that names nothing. */
import { oneLine } from "../text/visible.ts";
import { Go } from "../ui/Go.tsx";
import { Icon } from "../ui/Icon.tsx";
import { Page } from "./Page.tsx";

/** Says that there is no such `what`, and leads back. */
export function Nowhere({ what, name }: { readonly what: "page" | "session"; readonly name: string }) {
  const lead = what === "page" ? `Hardshell has nothing at ${oneLine(name)}.` : `Hardshell knows no session ${oneLine(name)}, or it is not yours.`;
  return (
    <Page title={`There is no such ${what}`} lead={lead}>
      <p>
        <Go className="button button-primary" to={{ view: "new" }} current={false}>
          <Icon name="chat" /> To the start page
        </Go>
      </p>
    </Page>
  );
}
