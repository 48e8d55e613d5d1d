import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

/**
 * Reports the lines of a plugin's stderr as they come, up to `limit` characters; then one last line says so, and the rest is read and
 * dropped. Terminal sequences are removed, and so is everything with the form of a credential, which shells and HTTP clients print when
 * they trace.
 */
export function readStderr(stream: Readable, onLine: (line: string) => void, limit: number): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let left = limit;
  const give = (line: string): void => {
    const clean = withoutSecrets(stripVTControlCharacters(line).replace(/\p{Cc}/gu, ' ')).trim();
    if (clean !== '') onLine(clean);
  };
  stream.on('data', (chunk: Buffer) => {
    if (left <= 0) return;
    const text = decoder.write(chunk);
    const lines = (rest + text.slice(0, left)).split(/\r\n|\n|\r/);
    left -= text.length;
    rest = lines.pop() ?? '';
    for (const line of lines) give(line);
    // A line cut in the middle is not reported: the rest of a secret may not have the form of one.
    if (left <= 0) onLine('(the plugin wrote more, which is left out)');
  });
  stream.on('end', () => {
    if (left > 0) give(rest);
  });
}

/** A JSON Web Token, and the beginnings of EKS' and Google's tokens. */
const token = /\beyJ[\w-]+\.[\w.-]+|\bk8s-aws-v1\.[\w-]+|\bya29\.[\w.-]+/g;
/** Part of an ExecCredential, a line of PEM, or an Authorization header. */
const credential =
  /"(?:token|clientKeyData|clientCertificateData|\w+_token)\\?"\s*:|PRIVATE KEY-----|^[+\s']*(?:[A-Za-z0-9+/]{40,}={0,2}|[A-Za-z0-9+/]+={1,2})'?$|\bauthorization:/i;

function withoutSecrets(line: string): string {
  return credential.test(line) ? '(a line that may hold a credential)' : line.replace(token, '***');
}
