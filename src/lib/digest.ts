import { hash } from 'node:crypto';

/** SHA-256 of a value's JSON, in base64: short however long the value is, and without the secrets that the value may contain. */
export function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64');
}
