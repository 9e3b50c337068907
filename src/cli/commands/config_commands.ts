import { resolve } from "node:path";
import process from "node:process";
import { gssLoader, openKernel, openNet } from "../../net/open.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { keyTexts } from "../files/keytab.ts";
import { loadConfigFile } from "../files/load_config.ts";
import { loadConfigHere, standardFile, standardPaths } from "../files/standard_config.ts";
import { emptyLists } from "../files/list_files.ts";
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
  const loaded = await loadConfigFile(path, elsewhere ? () => "of the other host" : undefined);
  const { config } = loaded;
  const kernel = elsewhere || config.engine === "portable" ? undefined : await openKernel();
  if (config.engine === "portable") refuseSocketOptions(config);
  if (kernel) checkSocketOptions(kernel, config, ["interface"]); // the user seldom has the service's capabilities
  if (!elsewhere && (kernel || config.engine === "portable")) {
    await checkWaysOut({ net: await openNet(), libc: kernel, hasRights: false }, waysOutOf(config));
  }
  const contents = elsewhere ? undefined : await examineNamedFiles(loaded);
  if (!elsewhere) checkAcceptor(config, await gssLoader());
  const said = [...warnings(loaded, contents?.tls.certificates ?? []), ...contents ? emptyLists(contents.lists) : []];
  for (const warning of said) {
    process.stderr.write(`gate46: warning: ${warning}
`);
  }
  for (const says of keyTexts(contents?.keys ?? [])) {
    await print(`key of GSSAPI: ${says}
`);
  }
  await print(`${path} is valid\n`);
}

/** `gate46 config`: prints the effective configuration and the source of each option. Rejects with ConfigError. */
export async function configCommand(flags: RawOptions): Promise<void> {
  const { effective, config, file } = await loadConfigHere(flags);
  const { printConfig } = await import("../../config/config_print.ts");
  await print(printConfig(effective, config.users, (path) => resolve(path), file));
}
