import { STATUS_CODES } from 'node:http';
import { connectionSpecific, maxFields } from '../../http/header-fields.js';
import type { OutgoingRequest } from '../round-trip.js';
import { errorCode, Http2Error, malformed } from './frames.js';

/** The header fields of a request in HTTP/2 (RFC 9113, section 8.3.1): name, value, name, value, … */
export function requestFields({ method, path, headers }: OutgoingRequest): string[] {
  const [, authority = ''] = headers;
  const fields = [':method', method, ':scheme', 'https', ':authority', authority, ':path', path];
  for (let index = 2; index < headers.length; index += 2) {
    fields.push((headers[index] as string).toLowerCase(), headers[index + 1] as string);
  }
  return fields;
}

const status = /^[1-9]\d\d$/;
const digits = /^\d{1,15}$/;
const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Values that RFC 9113, section 8.2.1 forbids, and values that Node refuses to send to the client. */
const illegalValue = /[^\t\x20-\x7e\x80-\xff]|^[ \t]|[ \t]$/;

/**
 * Reads the head of a response: in the form of HTTP/1.1, with names as net/http spells them, and with the announced length of the body in
 * bytes. Throws an Http2Error if the fields are not a valid head (RFC 9113, section 8.3.2), or too many.
 */
export function readHead(fields: readonly string[]) {
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

/** Throws an Http2Error for a field that trailers must not contain, and for too many. */
export function checkTrailers(fields: readonly string[]): void {
  const trailers = readFields(fields, 0);
  if (trailers.some((name, index) => index % 2 === 0 && name === 'Content-Length'))
    throw malformed('a trailer');
}

function readFields(fields: readonly string[], from: number): string[] {
  if (fields.length - from > 2 * maxFields) {
    throw new Http2Error(
      errorCode.enhanceYourCalm,
      'an answer has too many header fields',
      'TOO_MANY_RESPONSE_HEADERS',
    );
  }
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

/** Spells a name as net/http's CanonicalHeaderKey. kubectl proxy does so too, and a client may compare names with case. */
function canonical(name: string): string {
  return name.replace(/(^|-)[a-z]/g, letter => letter.toUpperCase());
}
