import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Authentication } from '../../src/authentication/authentication.js';
import { AuthenticationError, IdentityError, UndecidedError } from '../../src/authentication/identity.js';
import { authentication } from '../../src/guard/authentication.js';
import type { GuardParts } from '../../src/guard/guard.js';
import { StatusError } from '../../src/kubernetes/status.js';
import type { RequestContext } from '../../src/request/context.js';

const undecided = new UndecidedError(new StatusError(503, 'the cluster is away'));

describe('a request whose caller is not known', () => {
  for (const [what, error, code, message] of [
    [
      'because the credential is invalid',
      new AuthenticationError('secret reason'),
      401,
      /send a token, or sign in$/,
    ],
    [
      'because nobody could tell, and the caller must not learn that',
      undecided,
      401,
      /send a token, or sign in$/,
    ],
    ['because nobody could tell', new StatusError(503, 'the issuer is away'), 503, /the issuer is away/],
    ['because of a bug', new StatusError(500, 'the bug'), 500, /the bug/],
    ['because its token is unknown', new StatusError(404, 'secret reason'), 401, /send a token, or sign in$/],
    ['because its user may not act here', new IdentityError('root may not act here'), 403, /root/],
  ] as const) {
    for (const access of ['caller', 'optional'] as const) {
      it(`${what} gets ${code} where a credential is ${access === 'optional' ? 'optional' : 'needed'}`, async () => {
        const isReject = (found: Error & { readonly code?: number; readonly headers?: object }) => {
          assert.equal(found.code, code);
          assert.match(found.message, message);
          assert.doesNotMatch(found.message, /secret reason|away.*token/);
          if (code === 401)
            assert.deepEqual(found.headers, { 'WWW-Authenticate': 'Bearer realm="kube-api-proxy"' });
          return true;
        };
        const check = (answer: () => never | Promise<never>) => {
          const methods = { hints: ['send a token', 'sign in'], authenticate: answer, identify: answer };
          const create = authentication.create({}, {
            authentication: methods as unknown as Authentication,
          } as GuardParts);
          const request = { mount: { access, isApi: true, namesContext: true } };
          return create?.(request as RequestContext);
        };
        assert.throws(
          () =>
            check(() => {
              throw error;
            }),
          isReject,
        );
        await assert.rejects(Promise.resolve(check(() => Promise.reject(error))), isReject);
      });
    }
  }
});
