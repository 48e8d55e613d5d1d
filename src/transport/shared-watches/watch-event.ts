/** One event of a watch (metav1.WatchEvent), with the bytes that clients get. */
export interface WatchEvent {
  readonly type: WatchEventType;
  /** Parsed resourceVersion of the object; empty for an ERROR, whose Status has none. */
  readonly version: string;
  /**
   * The event as the API server framed it: a line of JSON with its newline, or a length of 4 bytes and its message. A client gets these
   * bytes for every event but its first one. The buffer has exactly this size and memory of its own.
   */
  readonly bytes: Buffer;
  /** What a client gets if this is its first event: the same bytes, but for Tables, whose columns are in a watch's first event alone. */
  readonly first: Buffer;
  /** Whether these are not the same. */
  readonly hasOwnFirst: boolean;
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

const types: ReadonlySet<unknown> = new Set<WatchEventType>([
  'ADDED',
  'MODIFIED',
  'DELETED',
  'BOOKMARK',
  'ERROR',
]);

/** Whether this is one of the types that apimachinery `pkg/watch` has. */
export function isWatchEventType(type: unknown): type is WatchEventType {
  return types.has(type);
}

/** An event that is the same for every client, whatever it has had before. */
export function uniformEvent(type: WatchEventType, version: string, bytes: Buffer): WatchEvent {
  return { type, version, bytes, first: bytes, hasOwnFirst: false };
}

/** Reads the events of one watch response. */
export interface EventReader {
  /**
   * Calls back for each event that is whole now. The chunk may be overwritten after the call: events have memory of their own. Throws an
   * Error for what is no watch event, after the events before it; the reader is of no use then.
   */
  read(chunk: Buffer, onEvent: (event: WatchEvent) => void): void;
  /** Bytes of an event that is not whole yet. They take up to twice as much memory. */
  readonly pending: number;
}
