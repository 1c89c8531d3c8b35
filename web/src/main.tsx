/** Starts the page. The token leaves the address bar before anything else is done. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { Store, StoreProvider } from "./state/store.ts";
import { startTheme } from "./ui/theme.ts";
import { takeToken } from "./ui/token.ts";
import "./style/index.css";

const token = takeToken();
startTheme();
const store = new Store();
const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <StoreProvider value={store}>
        <App />
      </StoreProvider>
    </StrictMode>,
  );
}
void store.start(token);
// A link that is opened in this very tab changes nothing but the fragment.
window.addEventListener("hashchange", () => {
  const opened = takeToken();
  if (opened !== undefined) void store.start(opened);
});
