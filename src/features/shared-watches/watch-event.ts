import type { FrameReader } from '../../lib/frames.js';
import type { SharedBytes } from './shared-bytes.js';

/** One event of a watch (metav1.WatchEvent), with the bytes that clients get. */
export interface WatchEvent {
  readonly type: WatchEventType;
  /** The parsed resourceVersion of the object; empty for an ERROR, whose Status has none. */
  readonly version: string;
  /**
   * The event as the API server framed it: a line of JSON with its newline, or a length of 4 bytes and the message. A client gets these
   * bytes for every event except its first one.
   */
  readonly bytes: SharedBytes;
  /**
   * What a client gets if this is its first event. It differs from `bytes` only for Tables, because only the first event of a watch has
   * columns.
   */
  readonly first: SharedBytes;
  /** Whether this is the bookmark after the initial events (`k8s.io/initial-events-end`, KEP-3157). */
  readonly endsInitialEvents: boolean;
}

/** The event types of apimachinery `pkg/watch`. */
const types = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'] as const;
type WatchEventType = (typeof types)[number];

export function isWatchEventType(type: unknown): type is WatchEventType {
  return types.some(known => known === type);
}

/**
 * Parses a resourceVersion that can be compared, and removes leading zeros. Returns undefined for any other string. In KEP-5504 versions
 * are positive decimal numbers of any length. Zero is not a version: in a request it means any version in the cache.
 */
export function parseVersion(text: string): string | undefined {
  return /^0*([1-9][0-9]*)$/.exec(text)?.[1];
}

/**
 * Compares two parsed versions as numbers: negative if `one` is smaller, 0 if they are equal. A shorter version is smaller; versions of the
 * same length are compared as strings (apimachinery `util/resourceversion`).
 */
export function compareVersions(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length;
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Creates an event that is the same for every client, whether it is the client's first one or not. */
export function uniformEvent(
  type: WatchEventType,
  version: string,
  bytes: SharedBytes,
  endsInitialEvents = false,
): WatchEvent {
  return { type, version, bytes, first: bytes, endsInitialEvents };
}

/** The annotation of the bookmark after the initial events (metav1.InitialEventsAnnotationKey). Its value is `true`. */
export const initialEventsEnd = 'k8s.io/initial-events-end';

/** A format of watch events. */
export interface EventFormat {
  frames(): FrameReader;
  /** Whether its messages over a WebSocket are text. */
  readonly isText: boolean;
  /** How many bytes of a frame come before the event itself. */
  readonly prefixLength: number;
  /** How the API server writes the beginning of an initial event. */
  readonly added: Buffer;
  /** Throws an Error if an incomplete frame, which begins with these bytes, is no event. Otherwise it would be kept until it is whole. */
  checkBeginning?(bytes: Buffer): void;
  /** Throws an Error for what is no event. */
  parse(frame: Buffer): ParsedEvent;
}

/** What is read of an event. */
export interface ParsedEvent {
  readonly type: unknown;
  readonly resourceVersion?: unknown;
  readonly endsInitialEvents?: boolean;
  /** Undefined if its object is no Table. */
  readonly table?: { readonly columnDefinitions: unknown };
}
