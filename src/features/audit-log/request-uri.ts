import { percentDecoded } from '../../http/percent-encoding.js';

/**
 * Names of query parameters with secret values: access_token, client_secret, X-Amz-Signature, … `code` and `state` are those of OAuth, with
 * which an issuer sends a browser back.
 */
const secretName =
  /token|secret|passw|api[-_]?key|signature|credential|authorization|bearer|(?<![\w-])(?:code|state)(?![\w-])/i;

const percent = 0x25;
const hexDigits = '0123456789ABCDEF';

/**
 * The request target for a log that other people read: bytes that a URL cannot contain are percent-encoded, and the values of parameters
 * with a secret name are `REDACTED`. A target that is not a path (`http://user:password@host/`) becomes empty. Takes linear time.
 */
export function loggableUri(target: string): string {
  if (target.charCodeAt(0) !== 0x2f) return '';
  const uri = /[^!-~]/.test(target) ? encode(target) : target;
  const mark = uri.indexOf('?');
  if (mark === -1) return uri;
  const query = uri.slice(mark + 1);
  if (!query.includes('%') && !secretName.test(query)) return uri;
  return `${uri.slice(0, mark + 1)}${withoutSecrets(query)}`;
}

/** A pair ends at every character that some program treats as its end. Its name ends at the first equals sign. */
function withoutSecrets(query: string): string {
  let masked = '';
  let copied = 0;
  let start = 0;
  let value = 0;
  for (let at = 0; at <= query.length; at++) {
    const character = query[at];
    if (character === '=' && value === 0) value = at + 1;
    if (character !== '&' && character !== ';' && character !== undefined) continue;
    if (value > 0 && isSecret(query.slice(start, value - 1))) {
      masked += `${query.slice(copied, value)}REDACTED`;
      copied = at;
    }
    start = at + 1;
    value = 0;
  }
  return masked + query.slice(copied);
}

function isSecret(name: string): boolean {
  return secretName.test(name.includes('%') ? decode(name) : name);
}

/** Node represents each byte of the target as one character. */
function encode(target: string): string {
  const bytes = Buffer.allocUnsafe(target.length * 3);
  let length = 0;
  for (let at = 0; at < target.length; at++) {
    const byte = target.charCodeAt(at);
    if (byte > 0x20 && byte < 0x7f) {
      bytes[length++] = byte;
      continue;
    }
    bytes[length++] = percent;
    bytes[length++] = hexDigits.charCodeAt(byte >> 4);
    bytes[length++] = hexDigits.charCodeAt(byte & 0xf);
  }
  return bytes.toString('latin1', 0, length);
}

/** Decodes several times, as a program behind the API server may do. */
function decode(name: string): string {
  let text = name;
  for (let times = 0; times < 3 && text.includes('%'); times++)
    text = percentDecoded(text).toString('latin1');
  return text;
}
