import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import type { ExecConfig } from '../kubeconfig/exec-config.js';
import { type Clock, systemClock } from '../lib/clock.js';
import { FairSlots } from '../lib/fair-slots.js';
import { withDeadline } from '../lib/promises.js';
import type { Credential, CredentialEvents, CredentialSource } from './credential.js';
import { type ExecAnswer, parseExecCredential } from './exec-credential.js';
import { execError, isLate, runExecCommand } from './exec-run.js';
import { createRenewedSource, type ObtainedCredential } from './renewed-source.js';

/** What a source needs to run an exec credential plugin, and where it reports to. */
export interface ExecSourceOptions {
  readonly config: ExecConfig;
  /** KUBERNETES_EXEC_INFO. */
  readonly info: string;
  /** The URL of the API server: plugins for one cluster share its turns. */
  readonly server: string;
  /** The user's other credentials. Each part of them wins over the plugin's, as in client-go. */
  readonly base: Credential;
  readonly events: CredentialEvents;
  readonly clock?: Clock;
  /** The environment, to which the plugin's own variables are added. Its PATH is searched for the command. */
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds that the plugin may take, with the time that it waits for its turn; 60 s by default. */
  readonly timeout?: number;
}

/** At most 8 plugins of the process run at a time. One cluster never has more than half of these. */
const turns = new FairSlots<string>(8);

/**
 * Credentials from an exec credential plugin (client-go's `plugin/pkg/client/auth/exec`, KEP-541). The plugin runs when the first request
 * needs a credential. A credential expires at the plugin's expirationTimestamp or with its client certificate, whichever is first. It never
 * expires if it has neither. The plugin's stderr is logged. Messages say why there is no credential, and contain no part of the plugin's
 * arguments, environment or answer.
 */
export function createExecSource(options: ExecSourceOptions): CredentialSource {
  const { base, events, clock = systemClock } = options;
  return createRenewedSource({
    name: 'exec',
    events,
    clock,
    obtain: async signal => merge(await runPlugin(options, signal), base),
  });
}

async function runPlugin(
  { config, info, server, events, env, timeout = 60_000 }: ExecSourceOptions,
  signal: AbortSignal,
): Promise<ExecAnswer> {
  const { command, args, apiVersion, installHint } = config;
  const executable = await findExecutable(command, env['PATH']);
  if ('problem' in executable) {
    const hint = installHint.trim() === '' ? '' : `\n\n${installHint.trim()}`;
    throw execError(command, `${executable.problem}${hint}`);
  }
  const variables = Object.fromEntries(config.env.map(({ name, value }) => [name, value]));
  const program = {
    ...{ file: executable.file, name: command, args },
    env: { ...env, ...variables, KUBERNETES_EXEC_INFO: info },
  };
  const onStderr = (line: string) => events.log.info({ source: 'exec', command }, line);
  const stdout = await withDeadline(timeout, signal, async end => {
    const turn = turns.take(server);
    if (turn !== undefined && !(await comesBefore(turn, end))) {
      void turn.then(() => turns.giveBack(server));
      const why = `was not started ${end.reason.message}, because other plugins run`;
      throw execError(command, isLate(end) ? why : 'was stopped');
    }
    return runExecCommand(program, end, onStderr).finally(() => turns.giveBack(server));
  });
  return parseExecCredential(stdout, apiVersion, command);
}

/** Whether a turn comes before a signal. */
function comesBefore(turn: Promise<void>, end: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    if (end.aborted) resolve(false);
    end.addEventListener('abort', () => resolve(false), { once: true });
    void turn.then(() => resolve(true));
  });
}

function merge(
  { token, clientCertificate, expirationTimestamp }: ExecAnswer,
  base: Credential,
): ObtainedCredential {
  const isCertificateUsed = base.clientCertificate === undefined && clientCertificate !== undefined;
  const end = Math.min(
    expirationTimestamp ?? Infinity,
    isCertificateUsed ? clientCertificate.notAfter.getTime() : Infinity,
  );
  return {
    credential: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
      ...base,
    },
    expiresAt: end === Infinity ? undefined : end,
  };
}

/**
 * Finds the file of a command: the path itself if it has a slash, otherwise the first executable of that name in PATH. Relative folders in
 * PATH are skipped, because Go's `exec.LookPath` refuses files from there.
 */
export async function findExecutable(
  command: string,
  path: string | undefined,
): Promise<{ readonly file: string } | { readonly problem: 'not found' | 'not executable' }> {
  const candidates = command.includes('/')
    ? [command]
    : (path ?? '')
        .split(delimiter)
        .filter(isAbsolute)
        .map(folder => join(folder, command));
  let problem: 'not found' | 'not executable' = 'not found';
  for (const file of candidates) {
    try {
      if (!(await stat(file)).isFile()) continue;
      problem = 'not executable';
      await access(file, constants.X_OK);
      return { file };
    } catch {
      // The next folder may contain it.
    }
  }
  return { problem };
}
