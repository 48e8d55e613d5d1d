import type { RawHeaders } from '../../http/header-fields.js';
import { copyOf } from '../../lib/copy-of.js';

/** The place of a span in a trace: what one program tells the next (W3C Trace Context). */
export interface TraceContext {
  /** 32 hexadecimal digits in lower case. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
  readonly isSampled: boolean;
  /** The value of `tracestate`; undefined if there is none that can be sent on. */
  readonly state: string | undefined;
}

/** Version, trace, parent and flags. A later version may have more behind them. */
const traceparent =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
const version0Length = 55;

/** The most characters of tracestate that are sent on. */
const mostState = 8 * 1024;
/** The most members of its list (W3C Trace Context, section 3.3.1.1). */
const mostMembers = 32;
const member =
  /^(?:[a-z0-9][a-z0-9_*/@-]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * What a client says of its trace; undefined if it says nothing, or nothing valid. Two traceparent fields are invalid. What is kept is a
 * copy of its own, and takes at most 8 KB.
 */
export function readTraceContext(rawHeaders: RawHeaders): TraceContext | undefined {
  let parent: string | undefined;
  const states: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    if (name === 'traceparent') {
      if (parent !== undefined) return undefined;
      parent = value.trim();
    } else if (name === 'tracestate') states.push(value);
  }
  const [, version, traceId, spanId, flags] = traceparent.exec(parent ?? '') ?? [];
  if (version === undefined || (version === '00' && parent?.length !== version0Length)) return undefined;
  return {
    traceId: copyOf(traceId as string, 32),
    spanId: copyOf(spanId as string, 16),
    isSampled: (Number.parseInt(flags as string, 16) & 1) === 1,
    state: stateOf(states),
  };
}

/** Several fields are one list. An invalid list is dropped as a whole. */
function stateOf(values: readonly string[]): string | undefined {
  const length = values.reduce((sum, value) => sum + value.length + 1, 0);
  if (length > mostState + 1) return undefined;
  const members = values
    .join(',')
    .split(',')
    .map(text => text.trim())
    .filter(text => text !== '');
  if (members.length === 0 || members.length > mostMembers) return undefined;
  const keys = new Set(members.map(text => text.slice(0, text.indexOf('='))));
  const isValid = keys.size === members.length && members.every(text => member.test(text));
  return isValid ? copyOf(members.join(','), mostState) : undefined;
}

/** The fields of a request that belongs to a span of this trace. */
export function traceFields(
  { traceId, isSampled, state }: Omit<TraceContext, 'spanId'>,
  spanId: string,
): readonly string[] {
  const fields = ['traceparent', `00-${traceId}-${spanId}-0${isSampled ? 1 : 0}`];
  if (state !== undefined) fields.push('tracestate', state);
  return fields;
}
