import { STATUS_CODES } from 'node:http';
import { errorCode } from './frames.js';
import { Http2Error } from './http2-error.js';

/** The head of an answer, as an HTTP/1.1 answer would have it. */
export interface ResponseHead {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Name, value, name, value, …; names are spelled as net/http does. */
  readonly headers: string[];
  /** Bytes of body that were announced; undefined if none were. */
  readonly contentLength: number | undefined;
}

const status = /^[1-9]\d\d$/;
const digits = /^\d{1,15}$/;
const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9113, section 8.2.1, and what Node would refuse to send on. */
const illegalValue = /[^\t\x20-\x7e\x80-\xff]|^[ \t]|[ \t]$/;
/** Fields of HTTP/1.1's framing and connections are forbidden here (RFC 9113, section 8.2.2), and would mean something to the client. */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Reads the fields of an answer's head. Throws an Http2Error when they are not one (RFC 9113, section 8.3.2). */
export function readHead(fields: readonly string[]): ResponseHead {
  const [name, code = ''] = fields;
  if (name !== ':status' || !status.test(code)) throw malformed('the :status of an answer');
  const headers = readFields(fields, 2);
  let contentLength: number | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] !== 'Content-Length') continue;
    const value = headers[index + 1] as string;
    if (contentLength !== undefined || !digits.test(value)) throw malformed('a content-length');
    contentLength = Number(value);
  }
  const statusCode = Number(code);
  return { statusCode, statusMessage: STATUS_CODES[statusCode] ?? '', headers, contentLength };
}

/** Reads the fields behind a body. Throws an Http2Error for what must not be among them. */
export function readTrailers(fields: readonly string[]): string[] {
  const trailers = readFields(fields, 0);
  if (trailers.some((name, index) => index % 2 === 0 && name === 'Content-Length'))
    throw malformed('a trailer');
  return trailers;
}

function readFields(fields: readonly string[], from: number): string[] {
  const headers: string[] = [];
  for (let index = from; index < fields.length; index += 2) {
    const name = fields[index] as string;
    const value = fields[index + 1] as string;
    if (!fieldName.test(name) || connectionSpecific.has(name) || illegalValue.test(value)) {
      throw malformed('a header field');
    }
    headers.push(canonical(name), value);
  }
  return headers;
}

/** net/http's CanonicalHeaderKey, for a client that compares spellings as it could with kubectl proxy. */
function canonical(name: string): string {
  return name.replace(/(^|-)[a-z]/g, letter => letter.toUpperCase());
}

export function malformed(what: string): Http2Error {
  return new Http2Error(errorCode.protocolError, `${what} is not HTTP/2`);
}
