import type { ObjectMeta } from 'kubernetes-types/meta/v1.js';

/** The fields that every object of the API has (apimachinery `meta/v1`). */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: Readonly<ObjectMeta>;
  readonly [field: string]: unknown;
}

/** One event of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: ApiObject;
}

/** A list in an answer. A server in Go may send null for an empty one: `items` of an empty PartialObjectMetadataList. */
export type WireList<T> = readonly T[] | null;

/** A list of objects. */
export interface ObjectList extends ApiObject {
  readonly items?: WireList<ApiObject>;
}

/** Whether a value is an object with fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
