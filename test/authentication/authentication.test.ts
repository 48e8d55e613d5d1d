import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AskedMethod, Authentication } from '../../src/authentication/authentication.js';
import {
  AuthenticationError,
  admitUser,
  IdentityError,
  UndecidedError,
} from '../../src/authentication/identity.js';
import type {
  AuthenticationRequest,
  RequestAuthenticator,
  TokenAuthenticator,
} from '../../src/authentication/method.js';
import { RequestHead } from '../../src/http/request-head.js';
import { StatusError } from '../../src/kubernetes/status.js';
import type { UserInfo } from '../../src/kubernetes/user-info.js';
import { tokenProtocol } from '../support/clients/header-lines.js';

function user(username: string, groups: readonly string[] = []): UserInfo {
  return { username, uid: undefined, groups, extra: new Map() };
}

/** Knows the tokens that begin with its letter, synchronously or later. A token with `x` is bad, and one with `?` or `!` cannot be verified. */
function method(name: 'token_file' | 'token_review', letter: string): AskedMethod {
  const userOf = (text: string) => {
    if (!text.startsWith(letter)) return undefined;
    if (text.includes('x')) throw new AuthenticationError('bad');
    if (text.includes('?')) throw new StatusError(500, 'away');
    if (text.includes('!')) throw new UndecidedError(new StatusError(503, 'away'));
    return user(text);
  };
  const authenticator: TokenAuthenticator = {
    authenticateToken: ({ text }) =>
      name === 'token_review' ? Promise.resolve(text).then(userOf) : userOf(text),
  };
  return { name, hint: 'send a token', authenticator, rechecker: authenticator };
}

function certificateMethod(authenticator: RequestAuthenticator): AskedMethod {
  return {
    name: 'client_certificate',
    hint: 'present a certificate',
    authenticator,
    rechecker: authenticator,
  };
}

function requestOf(rawHeaders: string[], upgrade = false): AuthenticationRequest {
  const head = new RequestHead({ method: 'GET', rawHeaders, upgrade });
  return { head, raw: { socket: {} } } as unknown as AuthenticationRequest;
}

function requestWith(token?: string): AuthenticationRequest {
  const rawHeaders = token === undefined ? [] : ['Authorization', `Bearer ${token}`];
  return requestOf(rawHeaders);
}

function setUp(certificates?: RequestAuthenticator) {
  const attempts: string[] = [];
  const authentication = new Authentication(
    [
      ...(certificates === undefined ? [] : [certificateMethod(certificates)]),
      method('token_file', 'f'),
      method('token_review', 'r'),
    ],
    { attempted: (name, result) => void attempts.push(`${name} ${result}`), strangerReset() {} },
  );
  const authenticate = async (token?: string) =>
    (await authentication.authenticate(requestWith(token))).username;
  return { attempts, authenticate };
}

describe('the methods of authentication', () => {
  it('say whether a token has decided, and not whether there is one', async () => {
    for (const [certificate, token, isByToken] of [
      [undefined, 'f1', true],
      [undefined, 'r1', true],
      ['jane', 'f1', false],
      ['jane', undefined, false],
      ['bad', 'f1', true],
      ['bad', 'r1', true],
      [undefined, 'fx', undefined],
    ] as const) {
      const authentication = new Authentication(
        [
          certificateMethod({
            authenticateRequest() {
              if (certificate === 'bad') throw new AuthenticationError('bad');
              return certificate === undefined ? undefined : user(certificate);
            },
          }),
          ...[method('token_file', 'f'), method('token_review', 'r')],
        ],
        { attempted() {}, strangerReset() {} },
      );
      const request = requestWith(token);
      await (async () => authentication.authenticate(request))().catch(() => {});
      assert.equal(request.isByToken, isByToken, `${certificate} ${token}`);
    }
  });

  it('are tried in their order until one recognises the credential, and one attempt is counted', async () => {
    for (const [token, result, attempt] of [
      ['f1', 'f1', 'token_file success'],
      ['r1', 'r1', 'token_review success'],
      ['fx', AuthenticationError, 'token_file failure'],
      ['rx', AuthenticationError, 'token_review failure'],
      ['f?', StatusError, 'token_file error'],
      ['r?', StatusError, 'token_review error'],
      ['r!', UndecidedError, 'token_review error'],
      ['other', AuthenticationError, 'none failure'],
      [undefined, AuthenticationError, 'none failure'],
      ['', AuthenticationError, 'none failure'],
      ['two words', AuthenticationError, 'none failure'],
    ] as const) {
      const { attempts, authenticate } = setUp();
      if (typeof result === 'string') assert.equal(await authenticate(token), result);
      else await assert.rejects(async () => authenticate(token), result, token);
      assert.deepEqual(attempts, [attempt], token);
    }
  });

  it('find no user in a request without a credential if one is optional, and count no attempt', async () => {
    const attempts: { readonly result: string }[] = [];
    const authentication = new Authentication(
      [
        certificateMethod({ authenticateRequest: async () => undefined }),
        method('token_file', 'f'),
        method('token_review', 'r'),
      ],
      { attempted: (_name, result) => void attempts.push({ result }), strangerReset() {} },
    );
    assert.equal(await authentication.identify(requestWith()), undefined);
    assert.equal(attempts.length, 0);
    assert.equal((await authentication.identify(requestWith('r1')))?.username, 'r1');
    for (const token of ['fx', 'rx', 'other', '', 'two words']) {
      await assert.rejects(
        async () => authentication.identify(requestWith(token)),
        AuthenticationError,
        token,
      );
    }
    const basic = requestOf(['authorization', 'Basic eDp5']);
    await assert.rejects(async () => authentication.identify(basic), AuthenticationError);
    const failures = attempts.filter(({ result }) => result === 'failure');
    assert.equal(failures.length, 6);
  });

  it('reject a token on a WebSocket even if none of them takes tokens, and one that is malformed', async () => {
    const none = certificateMethod({ authenticateRequest: () => undefined });
    const protocol = tokenProtocol('one');
    for (const [protocols, problem] of [
      [`x, ${protocol}`, /no method knows/],
      [protocol, /the only subprotocol/],
    ] as const) {
      const request = requestOf(['Upgrade', 'websocket', 'Sec-WebSocket-Protocol', protocols], true);
      for (const methods of [[none], [none, method('token_file', 'f')]]) {
        const attempts: string[] = [];
        const attempted = (...attempt: string[]) => void attempts.push(attempt.join(' '));
        const authentication = new Authentication(methods, { attempted, strangerReset() {} });
        await assert.rejects(async () => authentication.identify(request), problem);
        assert.deepEqual(attempts, ['none failure']);
      }
    }
  });

  it('are asked by a recheck what they know now, and nothing is counted', async () => {
    const attempts: string[] = [];
    const rechecker = { authenticateToken: () => user('now') };
    const authentication = new Authentication([{ ...method('token_file', 'f'), rechecker }], {
      attempted: (name, result) => void attempts.push(`${name} ${result}`),
      strangerReset() {},
    });
    const found = authentication.authenticate(requestWith('f1'));
    assert.equal((found as UserInfo).username, 'f1', 'no server is asked: it is there at once');
    assert.equal((await authentication.recheck(requestWith('f1'))).username, 'now');
    assert.deepEqual(attempts, ['token_file success']);
  });

  it('begin with the client certificate, which takes precedence over a token', async () => {
    for (const found of [user('carol'), Promise.resolve(user('carol'))]) {
      const { attempts, authenticate } = setUp({ authenticateRequest: () => found });
      assert.equal(await authenticate('f1'), 'carol');
      assert.equal(await authenticate(), 'carol');
      assert.deepEqual(attempts, ['client_certificate success', 'client_certificate success']);
    }
    const none = setUp({ authenticateRequest: async () => undefined });
    assert.equal(await none.authenticate('r1'), 'r1');
    await assert.rejects(async () => none.authenticate(), /no credential/);
  });

  it('use the token if the certificate is bad, and reject the request if there is no token', async () => {
    const bad = new Error('signed by a stranger');
    const throws = () => {
      throw bad;
    };
    for (const authenticateRequest of [throws, () => Promise.reject(bad)]) {
      const { attempts, authenticate } = setUp({ authenticateRequest });
      assert.equal(await authenticate('f1'), 'f1');
      await assert.rejects(async () => authenticate(), bad);
      await assert.rejects(async () => authenticate('fx'), AuthenticationError);
      assert.deepEqual(attempts.slice(0, 3), [
        ...['client_certificate failure', 'token_file success', 'client_certificate failure'],
      ]);
    }
  });

  it('do not let the user of a certificate who may not act here act as another user by a token', async () => {
    const rules = { allowed: new Set<string>(), serviceAccounts: false };
    const { authenticate, attempts } = setUp({
      authenticateRequest: () => admitUser(user('root', ['system:masters']), rules),
    });
    await assert.rejects(async () => authenticate('f1'), IdentityError);
    await assert.rejects(async () => authenticate(), IdentityError);
    assert.deepEqual(attempts, ['client_certificate failure', 'client_certificate failure']);
  });
});
