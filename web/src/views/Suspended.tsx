/** What a burst of refusals has stopped, and the command that lets it go on: nothing on a page does. */
import { CommandLine } from "../ui/Copy.tsx";
import { suspended } from "../words.ts";

/** The panel in the status view; nothing while nothing is suspended. */
export function Suspended({ lines }: { readonly lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <section className="panel" aria-labelledby="suspended">
      <h2 id="suspended">Suspended</h2>
      <p>So many calls were refused that Hardshell stopped what they came from. The rest of the house goes on.</p>
      <ul className="stack">
        {lines.map((line) => {
          const { what, why, command } = suspended(line);
          return (
            <li key={line} className="stack">
              <p>
                <strong>{what}</strong>: {why}.
              </p>
              <CommandLine command={command} />
            </li>
          );
        })}
      </ul>
      <p className="faint">It goes on when a person types that at a terminal of the machine, so that nobody who came in can do it.</p>
    </section>
  );
}
