import { resolve } from "node:path";
import process from "node:process";
import { gssLoader, openKernel, openNet } from "../../net/open.ts";
import { ConfigError, gathering } from "../../config/config_error.ts";
import { remarked, strangers } from "../../config/remarks.ts";
import type { RawOptions } from "../../config/source.ts";
import { keyTexts } from "../files/keytab.ts";
import { examineConfigFile } from "../files/load_config.ts";
import { loadConfigHere, standardFile, standardPaths } from "../files/standard_config.ts";
import { emptyLists } from "../files/list_files.ts";
import { checkFolder } from "../quotas/quota_file.ts";
import { examineNamedFiles } from "../files/named_files.ts";
import { warnings } from "../files/warnings.ts";
import { print } from "../print.ts";
import { checkAcceptor } from "../service/gss_source.ts";
import { checkSocketOptions, refuseSocketOptions } from "../service/socket_options.ts";
import { checkWaysOut, waysOutOf } from "../service/ways_out.ts";

/**
 * `gate46 check [CONFIG]`: checks the file alone, by default the standard one, without environment and flags. Also checks the
 * files and interfaces that it names, unless it is for another host. Rejects with ConfigError, which lists all problems.
 */
export async function checkCommand(
  named: string | undefined,
  { elsewhere = false }: { readonly elsewhere?: boolean },
): Promise<void> {
  const path = named ?? standardFile();
  if (path === undefined) {
    throw new ConfigError(
      `Cannot check: no file is named, and there is no ${standardPaths(process.env).join(", nor ")}`,
    );
  }
  const loaded = await examineConfigFile(path, elsewhere ? () => "of the other host" : undefined);
  const { config, broken } = loaded;
  const problems = [...loaded.problems];
  const attempt = gathering(problems);
  const kernel = elsewhere || config.engine === "portable" ? undefined : await openKernel();
  if (config.engine === "portable") await attempt(() => refuseSocketOptions(config));
  if (kernel) await attempt(() => checkSocketOptions(kernel, config, ["interface"])); // the user seldom has the service's capabilities
  if (!elsewhere && (kernel || config.engine === "portable")) {
    const net = await openNet();
    await attempt(() => checkWaysOut({ net, libc: kernel, hasRights: false }, waysOutOf(config)));
  }
  const users = broken.has("users") ? [] : config.users; // whether they have passwords is not known
  const readable = { ...loaded, config: { ...config, users } };
  const contents = elsewhere ? undefined : await attempt(() => examineNamedFiles(readable));
  if (!elsewhere && config.quotaFile !== undefined) await attempt(() => checkFolder(config.quotaFile!)); // the user seldom has the service's rights
  if (!elsewhere) await attempt(async () => checkAcceptor(config, await gssLoader()));
  const said = [
    ...warnings(
      { ...loaded, remarks: remarked.some((part) => broken.has(part)) ? [] : loaded.remarks },
      contents?.tls.certificates ?? [],
    ),
    ...contents && !broken.has("users") && !broken.has("rules")
      ? strangers(config, new Set(contents.users.keys()), loaded.file?.placed)
      : [],
    ...contents ? emptyLists(contents.lists) : [],
  ];
  for (const warning of said) {
    process.stderr.write(`gate46: warning: ${warning}
`);
  }
  if (problems.length > 0) throw new ConfigError(...byLine([...new Set(problems)], path));
  for (const says of keyTexts(contents?.keys ?? [])) {
    await print(`key of GSSAPI: ${says}
`);
  }
  await print(`${path} is valid\n`);
}

/** Problems by the line of the file that they name, then those that name none. */
function byLine(problems: readonly string[], path: string): readonly string[] {
  const lineOf = (problem: string) => {
    const [, line] = problem.split(problem.includes(path) ? `${path} line ` : " (line ");
    return line === undefined ? Infinity : Number.parseInt(line);
  };
  return problems.toSorted((a, b) => lineOf(a) < lineOf(b) ? -1 : lineOf(a) > lineOf(b) ? 1 : 0);
}

/** `gate46 config`: prints the effective configuration and the source of each option. Rejects with ConfigError. */
export async function configCommand(flags: RawOptions): Promise<void> {
  const { effective, config, file } = await loadConfigHere(flags);
  const { printConfig } = await import("../../config/config_print.ts");
  await print(printConfig(effective, config.users, (path) => resolve(path), file));
}
