import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

/**
 * Reports the lines of a plugin's stderr as they arrive, up to `limit` characters. After that, one last line says that there was more, and
 * the rest is read and dropped. Terminal sequences are removed, and so is everything that looks like a credential: shells and HTTP clients
 * print credentials when they trace.
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
    // A line that is cut in the middle is not reported: half a secret may not look like one.
    if (left <= 0) onLine('(the plugin wrote more, which is not logged)');
  });
  stream.on('end', () => {
    if (left > 0) give(rest);
  });
}

/** A JSON Web Token, and the prefixes of the tokens of EKS and Google. */
const token = /\beyJ[\w-]+\.[\w.-]+|\bk8s-aws-v1\.[\w-]+|\bya29\.[\w.-]+/g;
/** A part of an ExecCredential, a line of PEM, or an Authorization header. */
const credential =
  /"(?:token|clientKeyData|clientCertificateData|\w+_token)\\?"\s*:|PRIVATE KEY-----|^[+\s']*(?:[A-Za-z0-9+/]{40,}={0,2}|[A-Za-z0-9+/]+={1,2})'?$|\bauthorization:/i;

function withoutSecrets(line: string): string {
  return credential.test(line) ? '(a line that may contain a credential)' : line.replace(token, '***');
}
