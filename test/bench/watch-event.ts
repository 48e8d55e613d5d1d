/** The clock of the server and the client, in microseconds: monotonic, and the same in every process of one machine. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

const digits = 16;
const marker = '"bench/stamps":"';
const eventBytes = 500;

/** The times of an event. */
export interface EventTimes {
  /** When the object changed. It is the version of the event too, and the same for all watches that get it. */
  readonly changed: number;
  /** When the server wrote the event to this watch. */
  readonly sent: number;
}

/** One watch event: a line of 500 bytes, or another size, with its times. */
export function watchEvent(
  type: 'ADDED' | 'MODIFIED' | 'BOOKMARK',
  { changed, sent }: EventTimes,
  { size = eventBytes, annotation = '' } = {},
): string {
  const stamp = (time: number) => String(time).padStart(digits, '0');
  const object = (filler: string) =>
    `{"type":"${type}","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"feed","namespace":"team-0",` +
    `"uid":"d38fef58-4f7f-4c14-a96e-802381a8debf","resourceVersion":"${stamp(changed)}",` +
    `"creationTimestamp":"2026-01-01T00:00:00Z","annotations":{${annotation}${marker}${stamp(changed)} ${stamp(sent)}"}},` +
    `"data":{"filler":"${filler}"}}}\n`;
  return object('.'.repeat(Math.max(size - object('').length, 0)));
}

/** Calls back with the times of each whole event in a stream of chunks. */
export function createEventReader(onEvent: (times: EventTimes) => void): (chunk: Buffer) => void {
  let rest: Buffer | undefined;
  return chunk => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      const at = bytes.indexOf(marker, start) + marker.length;
      const time = (index: number) => Number(bytes.toString('latin1', index, index + digits));
      onEvent({ changed: time(at), sent: time(at + digits + 1) });
      start = end + 1;
    }
    rest = start === bytes.length ? undefined : bytes.subarray(start);
  };
}

/** Answers commands from the parent process one after the other, and exits when the parent has ended. */
export function answer<Command, State>(handle: (command: Command) => Promise<State>): void {
  process.on('disconnect', () => process.exit());
  process.on('message', async (command: Command) => {
    process.send?.(await handle(command).catch((error: Error) => ({ error: error.message })));
  });
}
