/** The clock of the server and the client, in microseconds: monotonic, and the same in every process of one machine. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

const digits = 16;
const marker = '"bench/sent":"';
const eventBytes = 500;

/** One watch event: a line of 500 bytes with the time when it was sent. */
export function watchEvent(type: 'ADDED' | 'MODIFIED', sent: number): string {
  const stamp = String(sent).padStart(digits, '0');
  const object = (filler: string) =>
    `{"type":"${type}","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"feed","namespace":"team-0",` +
    `"uid":"d38fef58-4f7f-4c14-a96e-802381a8debf","resourceVersion":"${stamp}",` +
    `"creationTimestamp":"2026-01-01T00:00:00Z","annotations":{${marker}${stamp}"}},"data":{"filler":"${filler}"}}}\n`;
  return object('.'.repeat(eventBytes - object('').length));
}

/** Calls back with the time in each whole event in a stream of chunks. */
export function createEventReader(onEvent: (sent: number) => void): (chunk: Buffer) => void {
  let rest: Buffer | undefined;
  return chunk => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      const at = bytes.indexOf(marker, start) + marker.length;
      onEvent(Number(bytes.toString('latin1', at, at + digits)));
      start = end + 1;
    }
    rest = start === bytes.length ? undefined : bytes.subarray(start);
  };
}
