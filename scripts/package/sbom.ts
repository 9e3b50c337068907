/**
 * Prints what is in the executables, as CycloneDX: `npm sbom --package-lock-only --sbom-format=cyclonedx | sbom.ts RUNTIME@VERSION...`.
 * Of the packages that npm lists it keeps those that are shipped (npm's own --omit=dev loses what a development package
 * wants as well), adds the runtimes, and takes away what differs from run to run.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import manifest from "../../package.json" with { type: "json" };
import { typesOnly } from "./types_only.ts";

/** As far as it is looked into here. */
export interface Bom {
  readonly serialNumber?: string;
  readonly metadata: { readonly timestamp: string; readonly component: Readonly<Record<string, unknown>> };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

export interface Component {
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
}

/** Where the source of a runtime is. Both are MIT, but for what they hold of others. */
const repositories: Readonly<Record<string, string>> = { bun: "oven-sh/bun", deno: "denoland/deno" };

/** `bom` of what is shipped with these runtimes, of the time `seconds`. Throws Error for a runtime that is not known. */
export function shippedBom(bom: Bom, runtimes: readonly string[], seconds: number): Bom {
  const { serialNumber: _, metadata, components, dependencies, ...rest } = bom;
  const root = metadata.component["bom-ref"] as string;
  const direct = Object.entries(manifest.dependencies).map(([name, version]) => `${name}@${version}`);
  const shipped = new Set<string>();
  const ship = (ref: string) => {
    if (shipped.has(ref) || typesOnly.has(ref.slice(0, ref.lastIndexOf("@")))) return;
    shipped.add(ref);
    dependencies.find((one) => one.ref === ref)?.dependsOn.forEach(ship);
  };
  direct.forEach(ship);
  return {
    ...rest,
    metadata: {
      ...metadata,
      timestamp: new Date(seconds * 1000).toISOString(),
      component: { ...metadata.component, name: manifest.name, type: "application" },
    },
    components: [...components.filter((one) => shipped.has(one["bom-ref"])), ...runtimes.map(runtimeComponent)],
    dependencies: [
      { ref: root, dependsOn: [...direct, ...runtimes] },
      ...dependencies.filter(({ ref }) => shipped.has(ref)),
    ],
  };
}

function runtimeComponent(runtime: string): Component {
  const [name, version] = runtime.split("@") as [string, string | undefined];
  if (!repositories[name] || !version) throw new Error(`Cannot list '${runtime}': no runtime with its version`);
  const about = {
    type: "platform",
    description: "in the executables that are named after it",
    purl: `pkg:github/${repositories[name]}@${version}`,
    licenses: [{ license: { id: "MIT" } }],
  };
  return { "bom-ref": runtime, name, version, ...about };
}

if (import.meta.main) {
  const bom = JSON.parse(readFileSync(0, "utf8")) as Bom;
  const seconds = Number(process.env.SOURCE_DATE_EPOCH);
  process.stdout.write(`${JSON.stringify(shippedBom(bom, process.argv.slice(2), seconds), null, 2)}\n`);
}
