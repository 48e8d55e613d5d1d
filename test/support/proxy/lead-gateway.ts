import type { Policy } from '../fake-api-server/authorization.js';
import { ManualClock } from '../manual-clock.js';
import type { Scope } from '../scope.js';
import { startGateway } from './gateway.js';
import { startInProcess } from './in-process.js';

/** Callers by token: lead, with one group, two, or a uid, and others. */
export const leadTokens = [
  'lead-token,lead,,"dev"',
  'lead-again,lead,,"dev"',
  'lead-in-ops,lead,,"dev,ops"',
  'lead-with-uid,lead,7,"dev"',
  'peer-token,peer,,"dev"',
  'alice-token,alice,,',
  '',
].join('\n');

/** The users that lead, and only lead in group dev without a uid, may act as. */
export const targets = new Set(['alice', 'bob']);

/** Lead may act as the targets, and only they may do anything else. */
export const leadPolicy: Policy = ({ username, groups, uid }, { verb, name, resource }) => {
  if (username === 'proxy') return true;
  if (/^self/.test(resource)) return true;
  if (verb === 'impersonate')
    return username === 'lead' && !groups.includes('ops') && uid === undefined && targets.has(name);
  return username === 'alice' || username === 'bob';
};

/** A gateway in this process whose callers may act as others, and the clock that it goes by. */
export async function startLeadGateway(
  t: Scope,
  { args = [], ...options }: { args?: readonly string[]; serverPath?: string } = {},
) {
  const clock = new ManualClock(Date.now());
  const run: typeof startInProcess = (scope, argv, env) => startInProcess(scope, argv, env, { clock });
  targets.add('alice').add('bob');
  const gateway = await startGateway(t, {
    ...{
      run,
      tokenFile: leadTokens,
      server: { allow: leadPolicy },
      args: ['--allow-impersonation', ...args],
    },
    ...options,
  });
  return { ...gateway, clock };
}
