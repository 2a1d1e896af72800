/** The part of JSON Schema that forms are made of. What is beyond it is edited as JSON; the server judges all of it. */

export interface Schema {
  $ref?: string;
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  const?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  writeOnly?: boolean;
  $defs?: Record<string, Schema>;
}

export type Shape =
  | { kind: "text" | "secret" | "lines" | "flag" | "json" }
  | { kind: "number"; isWhole: boolean }
  | { kind: "choice"; options: string[] }
  | { kind: "list"; item: Schema }
  | { kind: "table"; value: Schema }
  | { kind: "object"; properties: Record<string, Schema>; required: string[] }
  | { kind: "variants"; by: string; variants: { name: string; schema: Schema }[] };

const DEEPEST = 16;

/** Follows references, and leaves out that something may be `null`. */
export function resolved(schema: Schema, root: Schema, depth = 0): Schema {
  if (depth > DEEPEST) return {};
  const { $ref, anyOf, type, ...rest } = schema;
  if ($ref !== undefined) {
    const name = /^#\/\$defs\/(.+)$/.exec($ref)?.[1];
    return { ...resolved((name === undefined ? undefined : root.$defs?.[name]) ?? {}, root, depth + 1), ...rest };
  }
  const kept = anyOf?.filter((it) => it.type !== "null");
  if (kept?.length === 1 && kept[0] !== undefined) return { ...resolved(kept[0], root, depth + 1), ...rest };
  const types = Array.isArray(type) ? type.filter((it) => it !== "null") : type;
  const single = Array.isArray(types) && types.length === 1 ? types[0] : types;
  return { ...rest, ...(anyOf !== undefined && { anyOf }), ...(single !== undefined && { type: single }) };
}

/** How a value is asked for. */
export function shapeOf(given: Schema, root: Schema): Shape {
  const schema = resolved(given, root);
  const options = schema.enum ?? constants(schema.oneOf);
  if (options?.every((it) => typeof it === "string") === true) return { kind: "choice", options };
  if (schema.oneOf !== undefined) return variantsOf(schema.oneOf, root) ?? { kind: "json" };
  switch (schema.type) {
    case "string":
      if (schema.format === "password") return { kind: "secret" };
      return { kind: schema.format === "multiline" ? "lines" : "text" };
    case "integer":
    case "number":
      return { kind: "number", isWhole: schema.type === "integer" };
    case "boolean":
      return { kind: "flag" };
    case "array":
      return schema.items === undefined || !isSimple(schema.items, root) ? { kind: "json" } : { kind: "list", item: schema.items };
    case "object":
      if (schema.properties !== undefined) return { kind: "object", properties: schema.properties, required: schema.required ?? [] };
      if (typeof schema.additionalProperties === "object" && isSimple(schema.additionalProperties, root)) return { kind: "table", value: schema.additionalProperties };
      return { kind: "json" };
    default:
      return { kind: "json" };
  }
}

function isSimple(schema: Schema, root: Schema): boolean {
  const { type } = resolved(schema, root);
  return type === "string" || type === "integer" || type === "number";
}

function constants(variants: Schema[] | undefined): unknown[] | undefined {
  const values = variants?.map((it) => it.const);
  return values?.every((it) => it !== undefined) === true ? values : undefined;
}

/** Objects that a member with a constant tells apart, such as `kind`. */
function variantsOf(schemas: Schema[], root: Schema): Shape | null {
  const variants = schemas.map((it) => resolved(it, root));
  for (const by of Object.keys(variants[0]?.properties ?? {})) {
    const names = variants.map((it) => it.properties?.[by]?.const);
    if (!names.every((it) => typeof it === "string")) continue;
    return { kind: "variants", by, variants: variants.map((schema, index) => ({ name: String(names[index]), schema })) };
  }
  return null;
}

export interface Complaint {
  path: string;
  message: string;
}

/** What can be said without asking: missing, of another type, out of range. Values with references are left to the server. */
export function complaintsOf(given: Schema, value: unknown, root: Schema, path = ""): Complaint[] {
  const shape = shapeOf(given, root);
  const schema = resolved(given, root);
  if (value === undefined || value === null) return [];
  if (typeof value === "string" && value.includes("${{")) return [];
  const bad = (message: string): Complaint[] => [{ path, message }];
  switch (shape.kind) {
    case "text":
    case "secret":
    case "lines": {
      if (typeof value !== "string") return bad("A text.");
      if (schema.minLength !== undefined && value.length < schema.minLength) return bad(schema.minLength === 1 ? "Not empty." : `At least ${schema.minLength} characters.`);
      if (schema.maxLength !== undefined && value.length > schema.maxLength) return bad(`At most ${schema.maxLength} characters.`);
      if (schema.pattern !== undefined && !matches(schema.pattern, value)) return bad(`Of the form ${schema.pattern}.`);
      return [];
    }
    case "number": {
      if (typeof value !== "number" || (shape.isWhole && !Number.isInteger(value))) return bad(shape.isWhole ? "A whole number." : "A number.");
      if (schema.minimum !== undefined && value < schema.minimum) return bad(`At least ${schema.minimum}.`);
      if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) return bad(`More than ${schema.exclusiveMinimum}.`);
      if (schema.maximum !== undefined && value > schema.maximum) return bad(`At most ${schema.maximum}.`);
      return [];
    }
    case "flag":
      return typeof value === "boolean" ? [] : bad("Yes or no.");
    case "choice":
      return shape.options.includes(value as string) ? [] : bad(`One of ${shape.options.join(", ")}.`);
    case "list":
      if (!Array.isArray(value)) return bad("A list.");
      return value.flatMap((item, index) => complaintsOf(shape.item, item, root, `${path}[${index}]`));
    case "table":
      return Object.entries(value).flatMap(([name, item]) => complaintsOf(shape.value, item, root, join(path, name)));
    case "object": {
      const record = value as Record<string, unknown>;
      const missing = shape.required.filter((name) => record[name] === undefined || record[name] === "");
      return [
        ...missing.map((name) => ({ path: join(path, name), message: "Needed." })),
        ...Object.entries(shape.properties).flatMap(([name, part]) => (missing.includes(name) ? [] : complaintsOf(part, record[name], root, join(path, name)))),
      ];
    }
    default:
      return [];
  }
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** Patterns come from plugins: a broken one is the server's to refuse. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true;
  }
}

/** `stop_grace_s` → `Stop grace (s)`, `memory_mb` → `Memory (MB)`. */
export function labelOf(name: string): string {
  const [, stem = name, unit] = /^(.+)_(s|ms|mb)$/.exec(name) ?? [];
  const words = stem.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase()).replace(/\b(url|sql|tls|cpu|json|http)\b/gi, (word) => word.toUpperCase());
  return unit === undefined ? words : `${words} (${unit === "mb" ? "MB" : unit})`;
}

/** The first sentence: forms have little room. */
export function hintOf({ description, default: usual }: Schema): string | undefined {
  const said = description?.replaceAll(/\[`?([^\]`]+)`?\]/g, "$1").replaceAll("\n", " ");
  const otherwise = typeof usual === "string" || typeof usual === "number" ? (usual === "" ? undefined : `Otherwise ${usual}.`) : undefined;
  return [said, otherwise].filter((it) => it !== undefined).join(" ") || undefined;
}
