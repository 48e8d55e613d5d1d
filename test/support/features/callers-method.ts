import { readFileSync } from 'node:fs';
import { digestOf } from '../../../src/authentication/bearer-token.js';
import { admitUser } from '../../../src/authentication/identity.js';
import { uidTarget } from '../../../src/authentication/method.js';
import type { Feature } from '../../../src/feature.js';
import { defineOptions, type OptionValues } from '../../../src/lib/option.js';
import { text } from '../../../src/lib/value-type.js';
import { callersFlag, callersOption } from '../proxy/callers.js';

const options = defineOptions('Authentication', {
  [callersOption]: { type: text('FILE'), default: '', help: 'Callers of the tests, one a line.' },
});

/**
 * Makes callers for the core's tests where all features are deleted, by the option of `callers.ts`. It reads the file again for each
 * request. It is never shipped: `check-features.ts` puts it into the list of features of a copy.
 */
export const callersMethod = {
  name: 'callers-of-tests',
  options,
  method: {
    name: 'callers_of_tests',
    flag: callersFlag('').slice(0, -1),
    hint: 'send "Authorization: Bearer TOKEN" with a token that is valid',
    sendsSecret: true,
    isOn: ({ tokenAuthFile }) => tokenAuthFile !== '',
  },
  create({ tokenAuthFile: file }, { callerRules }) {
    if (file === '') return undefined;
    const authenticator = {
      authenticateToken({ digest }: { readonly digest: string }) {
        const [, username = '', uid, groups] =
          recordsOf(file).findLast(([token = '']) => digestOf(token) === digest) ?? [];
        if (username === '') return undefined;
        const user = { username, uid, groups: groups?.split(',') ?? [], extra: new Map() };
        return admitUser(user, { ...callerRules, serviceAccounts: false });
      },
    };
    return {
      method: {
        authenticator,
        rechecker: authenticator,
        impersonates: () => (recordsOf(file).some(([, , uid]) => uid !== '') ? [uidTarget] : []),
        kubeconfigUsers: () => [
          { fields: { token: 'PASTE-YOUR-TOKEN-HERE' }, isComplete: false, isPerCluster: false },
        ],
      },
      close() {},
    };
  },
} as const satisfies Feature<OptionValues<typeof options>>;

/** Token, user, uid and groups of each line. */
function recordsOf(file: string): readonly (readonly string[])[] {
  return [...readFileSync(file, 'utf8').matchAll(/^([^,\n]+),([^,\n]+),([^,\n]*)(?:,"?([^"\n]*)"?)?$/gm)].map(
    ([, ...fields]) => fields,
  );
}
