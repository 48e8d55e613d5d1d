import type { TestContext } from 'node:test';
import type { Issuer } from '../../../../src/features/explorer/page/sign-in/issuer.js';
import type { Attempt } from '../../../../src/features/explorer/page/sign-in/kept.js';

const url = 'https://login.example/realms/dev';

/** An issuer as `/-/sign-in` offers it. */
export const entry = {
  issuer: url,
  clientId: 'gateway',
  scopes: ['openid', 'groups'],
  redirectPath: '/-/ui/from-login',
};

/** Its discovery document. */
export const discovery = {
  issuer: url,
  authorization_endpoint: `${url}/authorize?kept=1`,
  token_endpoint: `${url}/token`,
  revocation_endpoint: `${url}/revoke`,
  end_session_endpoint: `${url}/end`,
  authorization_response_iss_parameter_supported: true,
};

/** A request to it. */
export interface Sent extends RequestInit {
  readonly cache?: string;
  readonly url: string;
  readonly form: Readonly<Record<string, string>>;
}

type Members = Readonly<Record<string, unknown>>;

/** The answer of its token endpoint, with an ID token of five minutes that has these claims too. */
export function grant(claims: Members, members: Members = {}): Response {
  const iat = Math.floor(Date.now() / 1000);
  const all = { iss: url, aud: 'gateway', sub: 'alice', iat, exp: iat + 300, ...claims };
  const parts = [{ alg: 'RS256' }, all].map(part => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return Response.json({
    ...{ access_token: 'access', token_type: 'Bearer', id_token: `${parts.join('.')}.c2lnbmF0dXJl` },
    ...{ refresh_token: 'refresh', ...members },
  });
}

/** Lets requests reach the issuer, which answers these paths besides its discovery document, and no other address. */
export function startIssuer(
  t: TestContext,
  answers: Readonly<Record<string, (sent: Sent) => Response>> = {},
) {
  const sent: Sent[] = [];
  const all: typeof answers = {
    [`${url}/.well-known/openid-configuration`]: () => Response.json(discovery),
    ...Object.fromEntries(
      Object.entries(answers).map(([path, answer]) => [new URL(path, `${url}/`).href, answer]),
    ),
  };
  t.mock.method(globalThis, 'fetch', async (address: string | URL, init: RequestInit = {}) => {
    const form = Object.fromEntries(new URLSearchParams(init.body as URLSearchParams | undefined));
    const one = { ...init, url: String(address), form };
    sent.push(one);
    const answer = all[one.url];
    if (answer === undefined) throw new TypeError('fetch failed');
    return answer(one);
  });
  return { sent, sentTo: (path: string) => sent.filter(one => one.url === `${url}/${path}`) };
}

/** The query with which the issuer answers an attempt. */
export function answerTo({ state }: Pick<Attempt, 'state'>): URLSearchParams {
  return new URLSearchParams({ code: 'c0de', state, iss: url });
}

/** The parameters of an address to which the page sends the browser. */
export function parametersOf(address: Awaited<ReturnType<Issuer['begin']>>['url']): Record<string, string> {
  return Object.fromEntries(new URL(address).searchParams);
}
