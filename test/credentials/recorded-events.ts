import type { CredentialEvents } from '../../src/credentials/credential.js';

/** What a source has reported. */
export type RecordedEvents = ReturnType<typeof recordEvents>;

export function recordEvents() {
  const refreshes: string[] = [];
  const expirations: (number | undefined)[] = [];
  /** The fields in JSON, and the message. */
  const lines: string[] = [];
  const log = (fields: object, message: string) => void lines.push(`${JSON.stringify(fields)} ${message}`);
  const events: CredentialEvents = {
    refreshed: (_, result) => void refreshes.push(result),
    expires: (_, at) => void expirations.push(at?.getTime()),
    log: { info: log, warn: log },
  };
  return { refreshes, expirations, lines, events };
}
