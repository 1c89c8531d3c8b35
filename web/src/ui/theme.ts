/** Light, dark, or as the system says. */
import { remembered } from "./remembered.ts";

export const theme = remembered("hardshell.theme", ["system", "light", "dark"]);

function show(): void {
  const chosen = theme.current();
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
}

/** Shows the theme that was chosen before, and each that is chosen from now on. */
export function startTheme(): void {
  show();
  theme.watch(show);
}
