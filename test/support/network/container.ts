import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { projectRoot } from "../program/runtime.ts";
import { temporaryFolder } from "../program/temporary_folder.ts";

/** Calls that container engines let through where nobody says otherwise. */
const SECCOMP = "/usr/share/containers/seccomp.json";

/** What the image says of itself. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly StopSignal: string;
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  readonly Healthcheck: { readonly Test: readonly string[]; readonly Timeout: number };
  readonly Labels: Readonly<Record<string, string>>;
}

/** An image and its files, built from the Dockerfile. */
export interface Image {
  readonly config: ImageConfig;
  readonly root: string;
  remove(): void;
}

/** How a container is run. */
export interface Run {
  readonly environment: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly files: number;
  /** Files of the host by where the container sees them. */
  readonly mounts: Readonly<Record<string, string>>;
}

/** Why no container can be built and run here, or false. */
export function whyNoContainers(): string | false {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "containers need root on Linux";
  const missing = ["buildah", "runc"].find((name) => spawnSync(name, ["--version"]).status !== 0);
  return missing ? `${missing} is not here` : false;
}

/**
 * Builds the Dockerfile without a network: programs and packages of this machine stand in for its base and for what it
 * would fetch. `denort` is the folder of a deno and its denort, where the Deno executable is wanted.
 */
export function buildImage(denort?: string): Image {
  const folder = temporaryFolder("image");
  const buildah = (...args: readonly string[]) => command("buildah", [...storage(folder), ...args]);
  try {
    baseOfThisMachine(folder, denort !== undefined);
    buildah("build", "--isolation=chroot", "--tag=base", join(folder, "base"));
    const runtimes = join(folder, "runtimes"); // as scripts/runtimes.sh fetches them
    mkdirSync(join(runtimes, ".bin"), { recursive: true });
    copyFileSync(command("bun", ["-p", "process.execPath"]).trim(), join(runtimes, ".bin/bun"));
    const volumes = [
      "/usr:/usr:ro",
      `${join(projectRoot, "node_modules")}:/src/node_modules`,
      `${runtimes}:/src/scripts/toolchain/node_modules`,
    ];
    if (denort !== undefined) volumes.push(`${denort}:/denort:ro`);
    buildah(
      "build",
      "--isolation=chroot",
      "--format=docker", // which knows of HEALTHCHECK
      "--layers=false",
      "--pull=never",
      `--file=${join(projectRoot, "scripts/deploy/docker/Dockerfile")}`,
      "--build-arg=BASE=localhost/base",
      ...denort === undefined ? [] : ["--build-arg=RUNTIME=deno"],
      ...volumes.map((volume) => `--volume=${volume}`),
      "--tag=gate46",
      projectRoot,
    );
    const image = JSON.parse(buildah("inspect", "--type=image", "gate46")) as { Docker: { config: ImageConfig } };
    const root = buildah("mount", buildah("from", "--pull=never", "gate46").trim()).trim();
    return { config: image.Docker.config, root, remove: () => rmSync(folder, { recursive: true }) };
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
}

function storage(folder: string): readonly string[] {
  return ["--storage-driver=vfs", `--root=${join(folder, "storage")}`, `--runroot=${join(folder, "run")}`];
}

function baseOfThisMachine(folder: string, denort: boolean): void {
  const files = join(folder, "base/files");
  mkdirSync(join(files, "tmp"), { recursive: true });
  for (const name of ["bin", "lib", "lib64", "sbin"]) symlinkSync(`usr/${name}`, join(files, name));
  const variables = denort ? "ENV DENO=/denort/deno DENORT_BIN=/denort/denort DENO_NO_UPDATE_CHECK=1\n" : "";
  writeFileSync(join(folder, "base/Dockerfile"), `FROM scratch\nCOPY files/ /\nENV PATH=/usr/bin:/bin\n${variables}`);
}

/** A folder from which runc runs the image as a container engine would, but in this machine's network. */
export function writeBundle(folder: string, { config, root }: Image, run: Run): void {
  const [uid, gid] = config.User.split(":").map(Number);
  const set = [...run.capabilities];
  const plain = ["nosuid", "noexec", "nodev"];
  // More than this machine gives would want a capability that it may not give either.
  const files = Math.min(
    run.files,
    Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))![1]),
  );
  const bundle = {
    ociVersion: "1.0.2",
    process: {
      user: { uid, gid },
      args: config.Entrypoint,
      env: [...config.Env, ...Object.entries(run.environment).map(([name, value]) => `${name}=${value}`)],
      cwd: "/",
      capabilities: { bounding: set, effective: set, permitted: set, inheritable: [], ambient: [] },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: files, soft: files }],
      noNewPrivileges: run.noNewPrivileges,
    },
    root: { path: root, readonly: run.readOnly },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"] },
      { destination: "/sys", type: "none", source: "/sys", options: ["rbind", ...plain, "ro"] },
      ...Object.entries(run.mounts).map(([destination, source]) => ({
        destination,
        type: "none",
        source,
        options: ["bind", ...plain, "ro"],
      })),
    ],
    linux: {
      namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
      maskedPaths: ["/proc/kcore", "/proc/keys", "/sys/firmware"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
      seccomp: defaultSeccomp(),
    },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(bundle));
}

interface Filter {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly unknown[];
  readonly errnoRet?: number;
  readonly includes?: { readonly caps?: readonly string[]; readonly arches?: readonly string[] };
  readonly excludes?: { readonly arches?: readonly string[] };
}

/** The engines' own filter, as it holds for a container without capabilities. */
function defaultSeccomp() {
  const { defaultAction, syscalls } = JSON.parse(readFileSync(SECCOMP, "utf8")) as {
    readonly defaultAction: string;
    readonly syscalls: readonly Filter[];
  };
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const holds = ({ includes, excludes }: Filter) =>
    !includes?.caps?.length && (!includes?.arches?.length || includes.arches.includes(architecture)) &&
    !excludes?.arches?.includes(architecture);
  return {
    defaultAction,
    architectures: [architecture === "arm64" ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64"],
    syscalls: syscalls.filter(holds).map(({ names, action, args, errnoRet }) => ({
      names,
      action,
      ...args?.length && { args },
      ...errnoRet !== undefined && { errnoRet },
    })),
  };
}

function command(file: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot ${file} ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}
