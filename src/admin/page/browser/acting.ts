import type { Status } from "../../status.ts";
import type { Words } from "../words.ts";

/**
 * Sends the user's actions to the gateway, after a confirmation with the token. The token is kept in memory alone, and only
 * this script sends it: no other site can. Self-contained.
 */
export function acting(
  { endLabel, words }: {
    readonly endLabel: (what: "session" | "user" | "client", name: string) => string;
    readonly words: Words;
  },
  status: () => Status | undefined,
  done: () => void,
): void {
  /** Timeout of an action (ms): workers may be asked for sessions, and a reload reads all files. */
  const PATIENCE_MS = 60_000;
  const one = <T extends HTMLElement>(selector: string) => document.querySelector<T>(selector)!;
  const dialog = one<HTMLDialogElement>("#ask");
  const field = one<HTMLInputElement>("#token");
  const trouble = one("#ask-trouble"), act = one<HTMLButtonElement>("#ask-do");
  let token = "";
  let wanted: Wanted | undefined;

  interface Wanted {
    readonly method: string;
    readonly path: string;
    readonly what: string;
    readonly why: string;
    readonly verb: string;
    said(answer: { readonly ended?: number }): string;
  }

  function wantedOf(does: string, name: string): Wanted {
    const now = status();
    const sessions = now ? words.countText(now.sessionCount, "session") : "the sessions";
    switch (does) {
      case "reload":
        return {
          method: "POST",
          path: "/reload",
          what: "Reload the configuration?",
          why: "Sessions go on as they are. If something is wrong with it, all stays as before.",
          verb: "Reload",
          said: () => "The configuration is reloaded.",
        };
      case "drain":
        return {
          method: "POST",
          path: "/drain",
          what: "Drain, and stop?",
          why: `It takes no new clients; ${sessions} may end within ${
            words.ageText(now?.drainMs ?? 0)
          }. Then the program ends.`,
          verb: "Drain",
          said: () => "It drains.",
        };
      case "session":
        return {
          method: "DELETE",
          path: `/api/sessions/${encodeURIComponent(name)}`,
          what: `${endLabel("session", name)}?`,
          why: "Its client and its destination are cut off at once.",
          verb: "End it",
          said: () => `Session ${name} has ended.`,
        };
      default: {
        const what = does === "user" ? "user" : "client";
        return {
          method: "DELETE",
          path: `/api/sessions?${new URLSearchParams({ [what]: name })}`,
          what: `${endLabel(what, name)}?`,
          why: "They are cut off at once. New ones may come.",
          verb: "End them",
          said: ({ ended = 0 }) => `${words.countText(ended, "session")} of ${what} ${name} ended.`,
        };
      }
    }
  }

  function ask(does: string, name: string): void {
    wanted = wantedOf(does, name);
    one("#ask-what").textContent = wanted.what;
    one("#ask-why").textContent = wanted.why;
    act.textContent = wanted.verb;
    trouble.textContent = "";
    one("#ask-token").hidden = token !== "";
    dialog.showModal();
    (token === "" ? field : one("#ask-not")).focus();
  }

  /** The error; undefined if the action was done. */
  async function perform({ method, path, said }: Wanted): Promise<string | undefined> {
    const answer = await fetch(new URL(path, location.origin), {
      method,
      headers: { Authorization: `Bearer ${token}` },
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await answer.text();
    if (answer.status === 401 || answer.status === 400) {
      token = "";
      one("#ask-token").hidden = false;
      field.focus();
      return "The gateway has another token.";
    }
    let told: { readonly ended?: number; readonly error?: string; readonly problems?: readonly string[] } = {};
    try {
      told = JSON.parse(text);
    } catch {
      // Not JSON: a proxy in between has answered.
    }
    if (!answer.ok) {
      return [told.error, ...told.problems ?? []].filter(Boolean).join("\n") || `Status ${answer.status}.`;
    }
    one("#said").textContent = said(told);
    return undefined;
  }

  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-does]");
    if (button) ask(button.dataset.does!, button.dataset.name ?? "");
  });
  one("#ask-not").addEventListener("click", () => dialog.close());
  dialog.querySelector("form")!.addEventListener("submit", async (event) => {
    event.preventDefault();
    token ||= field.value.trim();
    if (token === "") {
      trouble.textContent = "Nothing is done without the token.";
      return field.focus();
    }
    act.disabled = true;
    trouble.textContent = "";
    try {
      const problem = await perform(wanted!);
      if (problem === undefined) {
        field.value = "";
        dialog.close();
        done();
      } else trouble.textContent = problem;
    } catch {
      trouble.textContent = "The gateway has not answered.";
    }
    act.disabled = false;
  });
}
