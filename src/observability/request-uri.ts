/** What a query parameter is called whose value nobody but its recipient should see: access_token, client_secret, X-Amz-Signature, … */
const secretName = /token|secret|passw|api[-_]?key|signature|credential|authorization|bearer/i;
/** A name with its value, up to whatever some program takes for the end of a pair. */
const pairs = /([^&;=]*)=([^&;]*)/g;

/**
 * The request target as sent, for a log that others read: bytes that no URL has are percent-encoded, and values of parameters whose names say
 * that they are secrets are `REDACTED`. What is not a path (`http://user:password@host/`) is left out as a whole.
 */
export function loggableUri(target: string): string {
  if (target.charCodeAt(0) !== 0x2f) return '';
  const uri = /[^!-~]/.test(target) ? target.replace(/[^!-~]/g, encodeByte) : target;
  const mark = uri.indexOf('?');
  if (mark === -1) return uri;
  const query = uri.slice(mark + 1);
  if (!query.includes('%') && !secretName.test(query)) return uri;
  const masked = query.replace(pairs, (pair, name: string) =>
    secretName.test(decode(name)) ? `${name}=REDACTED` : pair,
  );
  return `${uri.slice(0, mark + 1)}${masked}`;
}

/** Node gives a byte of the target as a character. */
function encodeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Somebody behind the API server may decode once more than it does. */
function decode(name: string): string {
  let text = name;
  for (let times = 0; times < 3 && text.includes('%'); times++) {
    text = text.replace(/%([0-9a-f]{2})/gi, (_escape, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  return text;
}
