import type { OutgoingRequest } from '../round-trip.js';

/** The header fields of a request in HTTP/2 (RFC 9113, section 8.3.1): name, value, name, value, … */
export function requestFields({ method, path, headers }: OutgoingRequest): string[] {
  const [, authority = ''] = headers;
  const fields = [':method', method, ':scheme', 'https', ':authority', authority, ':path', path];
  for (let index = 2; index < headers.length; index += 2) {
    fields.push((headers[index] as string).toLowerCase(), headers[index + 1] as string);
  }
  return fields;
}
