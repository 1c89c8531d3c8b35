/** Chooses between the door and the house. */
import { useHouse } from "./state/store.ts";
import { Announcer } from "./views/Announcer.tsx";
import { Shell } from "./views/Shell.tsx";
import { SignIn } from "./views/SignIn.tsx";

/** The whole page. */
export function App() {
  const signIn = useHouse((state) => state.signIn);
  return (
    <>
      {signIn.kind === "in" ? <Shell /> : <SignIn signIn={signIn} />}
      <Announcer />
    </>
  );
}
