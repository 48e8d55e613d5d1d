import assert from 'node:assert/strict';
import { arn, decodedMountOf, type ManyClusters } from '../../support/proxy/many-clusters.js';
import { type Answer, type AttackRequest, send } from '../leg.js';

interface Listening {
  readonly port: number;
}

/** The code of an answer, and the flag in its Status. */
function verdict({ code, body }: Answer): string {
  const [flag = ''] = code >= 400 && body.includes('"Status"') ? (/--[a-z-]+/.exec(body) ?? []) : [];
  return `${code} ${flag}`;
}

/** Asks programs in front of several clusters. Each request has a mark, by which its arrivals are found. */
export function asksBelowMounts(clusters: ManyClusters) {
  let marks = 0;
  const marked = (target: string): { readonly mark: string; readonly target: string } => {
    marks += 1;
    const mark = `guarded=${marks}.`;
    return { mark, target: `${target}${target.includes('?') ? '&' : '?'}${mark}` };
  };

  /** Sends a request to a mount. Returns the answer and the requests that arrived at any API server. */
  const ask = async (
    stack: Listening,
    mount: string,
    request: AttackRequest,
  ): Promise<{ readonly answer: Answer; readonly arrived: string[] }> => {
    const { mark, target } = marked(`${mount}${request.target}`);
    const answer = await send(stack.port, { ...request, target });
    return { answer, arrived: clusters.arrivals(mark).map(found => `${found.context} ${found.target}`) };
  };

  return {
    marked,
    ask,
    /** Asserts that the rules decide about a request below two mounts as at `/`. */
    async assertAsAtRoot(stack: Listening, request: AttackRequest): Promise<void> {
      const root = await ask(stack, '', request);
      for (const mount of ['/clusters/a', decodedMountOf(arn)]) {
        const below = await ask(stack, mount, request);
        const name = `${request.method ?? 'GET'} ${mount}${request.target} ${(request.headers ?? request.host ?? []).join()}`;
        assert.equal(
          verdict(below.answer),
          verdict(root.answer),
          `${name}: ${below.answer.raw.slice(0, 300)}`,
        );
        assert.equal(below.arrived.length, root.arrived.length, name);
        for (const arrived of below.arrived) {
          assert.match(arrived, mount === '/clusters/a' ? /^a / : /^arn:/, name);
          assert.equal(arrived.split(' ')[1]?.split('?')[0], request.target.split('?')[0], name);
        }
      }
    },
  };
}
