import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The parts of an OpenAPI 3.0 schema that the API server uses. */
export type Schema = Readonly<Record<string, unknown>>;

/** The schemas of one file of kubernetes-types, and the types that the file imports. */
interface Module {
  readonly schemas: ReadonlyMap<string, Schema>;
  readonly imports: ReadonlyMap<string, string>;
}

const folder = dirname(createRequire(import.meta.url).resolve('kubernetes-types/package.json'));
const modules = new Map<string, Module>();
const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const reference = '#/components/schemas/';

/**
 * The schemas of a group version and of all types that they refer to, with the API server's names. They are made from
 * kubernetes-types, which has every type of Kubernetes 1.30 with its description. Other groups have no schemas.
 */
export function schemasOf(group: string, version: string): Record<string, Schema> {
  const module = `${group.split('.')[0] || 'core'}/${version}`;
  const found: Record<string, Schema> = {};
  if (!existsSync(fileOf(module))) return found;
  for (const name of readModule(module).schemas.keys()) add(module, name, found);
  return found;
}

function add(module: string, name: string, found: Record<string, Schema>): void {
  const full = fullName(module, name);
  if (full in found) return;
  const { schemas, imports } = readModule(module);
  const written = JSON.stringify(schemas.get(name) ?? {});
  const others = new Set<string>();
  found[full] = JSON.parse(
    written.replaceAll(/"\$ref":"([\w.]+)"/g, (_, other: string) => {
      others.add(other);
      const target = other === intOrString ? other : fullName(imports.get(other) ?? module, other);
      return `"$ref":"${reference}${target}"`;
    }),
  ) as Schema;
  for (const other of others) {
    if (other === intOrString) found[other] = { format: 'int-or-string', type: 'string' };
    else add(imports.get(other) ?? module, other, found);
  }
}

function fileOf(module: string): string {
  return join(folder, `${module}.d.ts`);
}

function fullName(module: string, name: string): string {
  const path = module.replaceAll('/', '.');
  if (/^(meta)\//.test(module)) return `io.k8s.apimachinery.pkg.apis.${path}.${name}`;
  if (/^(api\/|runtime|version)/.test(module)) return `io.k8s.apimachinery.pkg.${path}.${name}`;
  if (module.startsWith('apiextensions/')) {
    return `io.k8s.apiextensions-apiserver.pkg.apis.${path}.${name}`;
  }
  return `io.k8s.api.${path}.${name}`;
}

function readModule(module: string): Module {
  const known = modules.get(module);
  if (known !== undefined) return known;
  const text = readFileSync(fileOf(module), 'utf8');
  const imports = new Map<string, string>();
  for (const [, names = '', from = ''] of text.matchAll(/^import \{ (.*) \} from "(.*)";$/gm)) {
    for (const name of names.split(', ')) imports.set(name, join(dirname(module), from));
  }
  const schemas = new Map<string, Schema>();
  const types =
    /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^export (?:interface (\w+) \{\n([\s\S]*?)^\}|type (\w+) = .*;)$/gm;
  for (const [, comment = '', name, fields = '', alias = ''] of text.matchAll(types)) {
    const description = textOf(comment);
    schemas.set(
      name ?? alias,
      name === undefined
        ? { description, type: 'string' }
        : { description, type: 'object', ...propertiesOf(fields) },
    );
  }
  const read = { schemas, imports };
  modules.set(module, read);
  return read;
}

function propertiesOf(fields: string): Schema {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  const literals: Record<string, string> = {};
  const field =
    /( *\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^ {4}(?:readonly )?"?([\w$-]+)"?(\??): (?:\{\n *\[name: string\]: (.*);\n *\}|(.*));$/gm;
  for (const [, comment = '', name = '', optional, values, type = ''] of fields.matchAll(field)) {
    const schema =
      values === undefined ? schemaOf(type) : { type: 'object', additionalProperties: schemaOf(values) };
    properties[name] = { description: textOf(comment), ...schema };
    if (optional === '') required.push(name);
    const [, literal] = /^"(.*)"$/.exec(type) ?? [];
    if (literal !== undefined) literals[name] = literal;
  }
  const { apiVersion, kind } = literals;
  if (apiVersion === undefined || kind === undefined) return { properties, required };
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return { properties, required, 'x-kubernetes-group-version-kind': [{ group, version, kind }] };
}

function schemaOf(type: string): Schema {
  const [, item] = /^Array<(.*)>$/.exec(type) ?? [];
  if (item !== undefined) return { type: 'array', items: schemaOf(item) };
  if (type === 'number | string') return { $ref: intOrString };
  if (type === 'number') return { type: 'integer' };
  if (type === 'string' || type === 'boolean') return { type };
  if (type.startsWith('"')) return { type: 'string' };
  return { allOf: [{ $ref: type }] };
}

/** The text of a comment without its stars. */
function textOf(comment: string): string {
  return comment.replaceAll(/^ *(?:\/\*\*|\*\/|\*) ?| *\*\/$/gm, '').trim();
}
