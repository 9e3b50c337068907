/** Prints the JSON Schema of the configuration file, for editors: `config_schema.ts > gate46.schema.json`. */
import process from "node:process";
import { toJsonSchema } from "@valibot/to-json-schema";
import { fileSchema } from "../src/config/file/file_schema.ts";

/** The content of scripts/gate46.schema.json. */
export function configSchema(): string {
  const { $schema, ...schema } = toJsonSchema(fileSchema, { typeMode: "input", errorMode: "ignore" });
  const closed = (key: string, value: unknown) => key === "additionalProperties" ? false : value;
  return `${JSON.stringify({ $schema, title: "gate46 configuration", ...schema }, closed, 2)}\n`;
}

if (import.meta.main) process.stdout.write(configSchema());
