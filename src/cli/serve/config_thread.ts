import { parentPort, Worker } from "node:worker_threads";
import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { packRules } from "../../gateway/rules/packed_rules.ts";
import { emptyLists, listFilesSize, readLists } from "../files/list_files.ts";
import {
  type ConfigText,
  type LoadedConfig,
  loadSaid,
  parseConfigText,
  readToml,
  said as saidBy,
  type SaidConfig,
  textWithoutRules,
} from "../files/load_config.ts";
import type { ServedConfig } from "../service/service.ts";
import { memoryCollector } from "../../net/open.ts";
import { readShortText } from "../files/text_file.ts";
import { checkDescriptorsFor } from "../service/threads/thread_descriptors.ts";
import type { ConfigThreadStart } from "../workers/messages/thread_start.ts";

/** A larger file, or one with larger lists (octets), is read in a separate thread, so that sessions do not wait for it. */
const LARGE = 128 << 10;

/** Answer of the thread: the configuration, or its errors. */
type Answer =
  | Pick<ServedConfig, "rules" | "remarks"> & { readonly text: ConfigText }
  | { readonly problems: readonly string[] };

/** Configuration from `flags`, environment and file; threads begin with the module `entry`. Rejects with ConfigError. */
export async function loadServed(flags: RawOptions, entry: string | URL): Promise<ServedConfig> {
  const said = await shortRead(saidBy(flags));
  const isShort = !said.file || said.file.toml !== undefined;
  const loaded = isShort ? await loadSaid(said) : undefined;
  const isLarge = !loaded || await listFilesSize(loaded.config.rules) > LARGE;
  const answer = isLarge && await askThread(entry, said);
  if (!answer) {
    const here = loaded ?? await loadSaid(said);
    return { ...here, ...await packed(here) };
  }
  if ("problems" in answer) throw new ConfigError(...answer.problems);
  return { ...await parseConfigText(answer.text), ...answer };
}

/** Adds the text of its file, if that is short. Rejects with ConfigError. */
async function shortRead(said: SaidConfig): Promise<SaidConfig> {
  if (!said.file) return said;
  return { ...said, file: { ...said.file, toml: await readToml(said, (path) => readShortText(path, LARGE)) } };
}

/** Packs the rules, with the lists from files. Rejects with ConfigError. */
async function packed({ config: { rules }, remarks }: LoadedConfig): Promise<Pick<ServedConfig, "rules" | "remarks">> {
  const lists = await readLists(rules);
  return { rules: packRules(rules, lists), remarks: [...remarks, ...emptyLists(lists)] };
}

/** Reads the configuration and posts the answer; then the thread ends and frees all its memory. */
export async function readInThread({ said }: ConfigThreadStart): Promise<void> {
  const answer = await answerTo(said);
  (await memoryCollector())(); // V8 keeps the pages of a heap that is large when its thread ends
  parentPort!.postMessage(answer);
}

async function answerTo(said: SaidConfig): Promise<Answer> {
  try {
    const loaded = await loadSaid(said);
    return { text: textWithoutRules(loaded), ...await packed(loaded) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}

/** Undefined if no thread can be started. */
async function askThread(entry: string | URL, said: SaidConfig): Promise<Answer | undefined> {
  try {
    checkDescriptorsFor(1, "read the configuration");
    const start: ConfigThreadStart = { gate46: "config", said };
    const worker = new Worker(entry as string, { workerData: start });
    try {
      return await new Promise((resolve, reject) => {
        worker.once("message", resolve).once("error", reject);
        worker.once("exit", () => reject(new Error("Cannot read the configuration: its thread has ended")));
      });
    } finally {
      await worker.terminate();
    }
  } catch {
    return undefined;
  }
}
