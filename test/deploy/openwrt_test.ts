import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { beforeEach, describe, test } from "node:test";
import { readFile } from "../../src/config/file/config_file.ts";
import { readConfig } from "../../src/config/config.ts";
import { fileKey, flagName, optionKeys, optionOf } from "../../src/config/options.ts";
import { configSchema } from "../../scripts/config_schema.ts";
import { Command } from "../../src/protocol/codes.ts";
import { source, start } from "../support/program/program.ts";
import { ask } from "../support/wire/socks.ts";
import { echoServer } from "../support/wire/tcp.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";
import { until } from "../support/program/until.ts";

const folderOf = join(projectRoot, "scripts/deploy/openwrt");
const init = readFileSync(join(folderOf, "gate46.init"), "utf8");
const rcCommon = join(projectRoot, "test/deploy/openwrt/rc.common");

/** The words of a variable of the script. */
function words(name: string): readonly string[] {
  return new RegExp(`^${name}='([^']*)'`, "m").exec(init)![1]!.split(/\s+/);
}

const noBusybox = spawnSync("busybox", ["ash", "-c", "true"]).status !== 0 && "busybox is not here";
const noShellcheck = spawnSync("shellcheck", ["--version"]).status !== 0 && "shellcheck is not here";

test("the init script knows every key of the file, by its type, and which only a start can change", () => {
  const inFile = optionKeys.filter((key) => !optionOf(key).notInFile);
  const changeable = inFile.filter((key) => !optionOf(key).fixed);
  const those = (keys: typeof inFile, which: (option: ReturnType<typeof optionOf>) => boolean) =>
    keys.filter((key) => which(optionOf(key))).map(fileKey).sort();
  const isSwitch = ({ accepts }: ReturnType<typeof optionOf>) => accepts.includes("boolean");
  assert.deepEqual([...words("LISTS")].sort(), those(changeable, ({ many }) => many));
  assert.deepEqual([...words("SWITCHES")].sort(), those(changeable, isSwitch));
  assert.deepEqual(
    [...words("NUMBERS")].sort(),
    those(changeable, ({ many, accepts }) => !many && accepts.join() === "number"),
  );
  assert.deepEqual(
    [...words("TEXTS")].sort(),
    those(changeable, ({ many, accepts }) => !many && accepts.includes("string")),
  );
  const fixed = inFile.filter((key) => optionOf(key).fixed);
  assert.deepEqual([...words("FLAG_SWITCHES")].sort(), those(fixed, isSwitch));
  assert.deepEqual([...words("FLAGS")].sort(), those(fixed, (option) => !isSwitch(option)));
  for (const key of fixed) assert.equal(flagName(key), `--${fileKey(key).replaceAll("_", "-")}`);
});

/** The type that UCI gives a key of a table: whatever may be text is quoted. */
function kindOf({ type, anyOf = [] }: Entry): "LISTS" | "TEXTS" | "NUMBERS" {
  const types = [type, ...anyOf.map((one) => one.type)];
  return types.includes("array") ? "LISTS" : types.includes("string") ? "TEXTS" : "NUMBERS";
}

interface Entry {
  readonly type?: string;
  readonly anyOf?: readonly Entry[];
  readonly items?: { readonly properties?: Readonly<Record<string, Entry>> };
}

test("the init script knows every table of the file, with every key by its type", () => {
  const { properties } = JSON.parse(configSchema()) as { properties: Readonly<Record<string, Entry>> };
  const tables = Object.entries(properties).flatMap(([name, { items }]) =>
    items?.properties ? [{ name, keys: items.properties }] : []
  );
  assert.ok(tables.length >= 5);
  for (const { name, keys } of tables) {
    const section = name === "access" ? name : name.slice(0, -1); // of one
    assert.match(init, new RegExp(`config_foreach put_${section} ${section}$`, "m"));
    for (const kind of ["LISTS", "TEXTS", "NUMBERS"]) {
      const wanted = Object.keys(keys).filter((key) => key !== "chains" && kindOf(keys[key]!) === kind);
      assert.deepEqual(words(`${section.toUpperCase()}_${kind}`).filter(Boolean).sort(), wanted.sort(), name);
    }
  }
});

test("shellcheck finds nothing wrong in the init script", {
  skip: skipped("openwrt_test.ts, shellcheck", noShellcheck),
}, () => {
  // Variables that rc.common or UCI's functions set and read.
  const { stdout } = spawnSync("shellcheck", ["-s", "dash", "-e", "SC2034,SC2154", join(folderOf, "gate46.init")], {
    encoding: "utf8",
  });
  assert.equal(stdout, "");
});

describe("the init script under busybox", { skip: skipped("openwrt_test.ts, busybox", noBusybox) }, () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder("openwrt");
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/logger"), '#!/bin/sh\nshift 4\necho "$@" >&2\n', { mode: 0o755 });
    writeFileSync(
      join(folder, "program"),
      `#!/bin/sh\nexec ${source.command.map((word) => `'${word}'`).join(" ")} "$@"\n`,
      {
        mode: 0o755,
      },
    );
    const places = { PROGRAM: "program", FILE: "run/gate46.toml", PIDFILE: "pid", PREDECESSOR: "predecessor" };
    const script = Object.entries(places).reduce(
      (script, [name, place]) => script.replace(new RegExp(`^${name}=.*`, "m"), `${name}='${folder}/${place}'`),
      init,
    );
    writeFileSync(join(folder, "init"), script.replace('chown "$user:"', ": chown"));
  });

  /** Runs the script with this UCI configuration. */
  function call(action: "start" | "reload" | "triggers", uci: string) {
    writeFileSync(join(folder, "gate46"), uci);
    const { stdout, stderr, status } = spawnSync("busybox", ["ash", rcCommon, join(folder, "init"), action], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${join(folder, "bin")}:${process.env.PATH}`, UCI_FOLDER: folder },
    });
    const lines = stdout.split("\n").filter(Boolean).map((line) => line.split("\t"));
    return { status, stderr, lines, of: (name: string) => lines.find(([first]) => first === name)?.slice(1) };
  }
  const file = () => join(folder, "run/gate46.toml");
  const read = () => readConfig({ file: readFile(readFileSync(file(), "utf8"), file(), (path) => path) }).config;

  test("the configuration it comes with is off, and valid when it is switched on", () => {
    const uci = readFileSync(join(folderOf, "gate46.config"), "utf8");
    assert.deepEqual(call("start", uci).lines, []);
    const { of, stderr } = call("start", uci.replace("option enabled '0'", "option enabled '1'"));
    assert.equal(stderr, "");
    assert.deepEqual(of("command")!.slice(-5), [
      `${folder}/program`,
      "--config",
      file(),
      "--admin",
      "127.0.0.1:10846",
    ]);
    assert.deepEqual(of("file"), [file()]);
    assert.deepEqual(of("reload_signal"), ["HUP"]);
    assert.deepEqual(of("respawn"), ["3600", "5", "0"]);
    assert.equal(read().gateway.from?.length, 2);
    assert.deepEqual(call("triggers", uci).lines, [["reload when gate46 changes"]]);
  });

  test("the recipe for a router is valid, and who changes routes is root", () => {
    const recipe = readFileSync(join(folderOf, "README.md"), "utf8");
    const set = [...recipe.matchAll(/^ +uci (set|add_list) gate46\.main\.(\w+)='?([^'\s]+)'?/gm)].filter(([, , key]) =>
      key !== "enabled"
    );
    assert.ok(set.length >= 6);
    const lines = set.map(([, how, key, value]) => `\t${how === "set" ? "option" : "list"} ${key} '${value}'`);
    const uci = readFileSync(join(folderOf, "gate46.config"), "utf8").replace(
      "option enabled '0'",
      `option enabled '1'\n${lines.join("\n")}`,
    );
    const { of, stderr } = call("start", uci);
    assert.equal(stderr, "");
    assert.deepEqual(of("user"), ["root"]);
    assert.ok(of("command")!.includes("--install-rules"));
    const { fakeDns, listen, nat64 } = read();
    assert.deepEqual(fakeDns.flat(), [{ host: "127.0.0.1", port: 5300 }]);
    assert.ok(listen.some(({ only }) => JSON.stringify(only) === '{"routed":true}'));
    assert.equal(nat64, "auto");
  });

  test("other sections become tables, in their order, for the gateway's eyes only", () => {
    writeFileSync(join(folder, "names"), "example.org\n");
    const { stderr } = call(
      "start",
      `
config gate46 'main'
	option enabled '1'
	option listen ':1080'
	option max_sessions '50'
	option socks4 '1'
	option idle_timeout '5m'
	option log_level 'debug'
config user
	option name 'a"n\\\\n'
	option password 'secret'
config upstream
	option name 'abroad'
	list chain 'socks5://192.0.2.1:1080'
	list chain 'socks5://192.0.2.2,http://192.0.2.3:3128'
config rule
	option action 'deny'
	list names '*.ads.example'
	list ports '80'
	list ports '8000-8999'
config access
	list from '192.168.1.0/24'
	list listener ':1080'
	option auth 'none'
	option bandwidth '1M'
config forward
	option listen '127.0.0.1:2222'
	option to 'server.example:22'
	option proxy_protocol '2'
config rule
	option action 'allow'
	option via 'abroad'
	list names_file '${folder}/names'
	list listener '127.0.0.1:1080'
	option max_rate '5'
	option interface 'lo'
	list outgoing '127.0.0.1'
	option mark '46'
`.replace("\\\\", "\\"),
    );
    assert.equal(stderr, "");
    const { listen, gateway, rules: [first, second], upstreams, users } = read();
    assert.deepEqual(listen.map(({ addr }) => addr.port), [1080, 2222]);
    const { name: _, from, ...access } = gateway.access[0]!;
    assert.deepEqual(from!.map(String), ["192.168.1.0/24"]);
    assert.deepEqual(access, { auth: "none", bandwidth: 1_000_000, listeners: ["[::]:1080", "0.0.0.0:1080"] });
    assert.equal(gateway.maxSessions, 50);
    assert.equal(gateway.socks4, true);
    assert.equal(gateway.idleMs, 300_000);
    assert.equal(first!.action, "deny");
    const { wayOut, namesFiles, listeners, budget, via } = second!;
    assert.deepEqual({ wayOut, namesFiles, listeners, budget, via }, {
      wayOut: { ipv4: "127.0.0.1", device: "lo", mark: 46 },
      namesFiles: [`${folder}/names`],
      listeners: ["127.0.0.1:1080"],
      budget: { maxRate: 5 },
      via: ["abroad"],
    });
    assert.deepEqual(upstreams.map(({ name }) => name), ["abroad"]);
    assert.deepEqual(users.map(({ name }) => name), ['a"n\\n']);
    assert.equal(statSync(file()).mode & 0o77, 0);
  });

  test("what is wrong is said, and what held before stays", () => {
    const uci = (line: string) => `config gate46 'main'\n\toption enabled '1'\n\t${line}\n`;
    const first = call("start", uci("option max_sessions 'many'"));
    assert.match(first.stderr, /max_sessions/);
    assert.deepEqual(first.lines, []);
    call("start", uci("option max_sessions '7'"));
    const unknown = call("reload", uci("option max_session '8'"));
    assert.match(
      unknown.stderr,
      /^daemon\.err Cannot use gate46\.max_session of \/etc\/config\/gate46: no such setting$/m,
    );
    assert.deepEqual(unknown.of("file"), [file()]);
    assert.equal(read().gateway.maxSessions, 7);
  });

  test("a list of any length starts no process for its items, and keeps their words", () => {
    writeFileSync(join(folder, "bin/sed"), `#!/bin/sh\necho sed >>'${folder}/processes'\nexec /bin/sed "$@"\n`, {
      mode: 0o755,
    });
    const words = ['a"b', "c\\d", "e f", '\\"'];
    const prefixes = Array.from({ length: 2_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`);
    const { stderr } = call(
      "start",
      `config gate46 'main'\n\toption enabled '1'\n\toption listen ':1080'\n` +
        prefixes.map((prefix) => `\tlist from '${prefix}'\n`).join("") +
        `config rule\n\toption action 'deny'\n${words.map((word) => `\tlist users '${word}'\n`).join("")}`,
    );
    assert.equal(stderr, "");
    const { gateway, rules } = read();
    assert.deepEqual(gateway.from?.map(String), prefixes);
    assert.deepEqual(rules[0]?.users, words);
    assert.ok(!existsSync(join(folder, "processes")));
  });

  test("after a restart the new program serves while the one before drains", async () => {
    const echo = await echoServer("127.0.0.1");
    const uci = (port = 0, admin = 0) =>
      `config gate46 'main'\n\toption enabled '1'\n\tlist listen '127.0.0.1:${port}'\n` +
      `\tlist allow '127.0.0.1'\n\toption admin '127.0.0.1:${admin}'\n`;
    const run = (uci: string) => {
      const [program, ...flags] = call("start", uci).of("command")!;
      return start({ name: "what procd starts", command: [program!] }, flags);
    };
    const former = await run(uci());
    const [socks] = former.addrs;
    const { client } = await ask(socks!, Command.Connect, echo.addr.host, echo.addr.port);
    writeFileSync(join(folder, "pid"), `${former.child.pid}\n`); // as procd does
    former.signal("SIGTERM");
    await until("it drains", () => former.output().includes("draining"));
    const [program, ...flags] = call("start", uci(socks!.port, former.admin!.port)).of("command")!;
    const next = spawn(program!, flags, { stdio: ["ignore", "ignore", "pipe"] });
    const over = new Promise((resolve) => next.on("close", resolve));
    let said = "";
    next.stderr!.setEncoding("utf8").on("data", (text: string) => said += text);
    await until("the new one listens", () => said.includes("listening on") || next.exitCode !== null);
    const { reply, client: other } = await ask(socks!, Command.Connect, echo.addr.host, echo.addr.port);
    assert.equal(reply.reply, 0, said);
    client.write("still");
    assert.equal(new TextDecoder().decode(await client.read(5)), "still");
    client.close();
    other.close();
    assert.equal(await former.exited, 0);
    process.kill(next.pid!, "SIGTERM");
    await over;
    echo.close();
  });

  test("a reload by SIGHUP serves what UCI says then", { skip: process.platform === "win32" }, async () => {
    const uci = (more: string) =>
      `config gate46 'main'\n\toption enabled '1'\n\tlist listen '127.0.0.1:0'\n\toption admin 'off'\n${more}`;
    const { of } = call("start", uci(""));
    const [program, ...flags] = of("command")!;
    const gateway = await start({ name: "what procd starts", command: [program!] }, flags);
    try {
      assert.deepEqual(call("reload", uci("\toption max_sessions '7'\n")).of("command"), of("command"));
      gateway.signal("SIGHUP");
      await until("it has reloaded", () => gateway.output().includes("reloaded"));
      assert.ok(existsSync(file()));
    } finally {
      assert.equal(await gateway.stop(), 0);
    }
  });
});
