import type { Policy } from '../fake-api-server/authorization.js';
import { ManualClock } from '../manual-clock.js';
import type { Scope } from '../scope.js';
import { startInProcess } from './in-process.js';
import { type GatewayOptions, startGateway } from './stack.js';

/** Callers by token: lead, with one group, two, or a uid, and others. */
export const leadTokens = [
  ...['lead-token,lead,,"dev"', 'lead-again,lead,,"dev"', 'lead-in-ops,lead,,"dev,ops"'],
  ...['lead-with-uid,lead,7,"dev"', 'peer-token,peer,,"dev"', 'alice-token,alice,,', ''],
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
  { flags = [], ...options }: Pick<GatewayOptions, 'flags' | 'serverPath'> = {},
) {
  const clock = new ManualClock(Date.now());
  targets.add('alice').add('bob');
  const gateway = await startGateway(t, {
    run: (scope, args, env) => startInProcess(scope, args, env, { clock }),
    ...{ tokenFile: leadTokens, server: { allow: leadPolicy } },
    ...{ flags: ['--allow-impersonation', ...flags], ...options },
  });
  return { ...gateway, clock };
}
