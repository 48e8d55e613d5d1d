import { hash } from 'node:crypto';

/** An object of JSON or YAML: no list, and not null. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a JSON object; undefined for any other input. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256 of a value's JSON, in base64: short however long the value is, and without the secrets that the value may contain. */
export function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64');
}
