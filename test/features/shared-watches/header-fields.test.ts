import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEventReader } from '../../../src/features/shared-watches/event-reader.js';
import { headOfClient, sharableHeaders } from '../../../src/features/shared-watches/sharable-headers.js';
import { TableEvents } from '../../../src/features/shared-watches/table-events.js';
import { watchRequest } from '../../../src/features/shared-watches/watch-route.js';
import type { OpenRequest } from '../../../src/request/context.js';
import type { UpstreamRequest } from '../../../src/transport/upstream-request.js';
import { assertLinearIn } from '../../support/field-lists.js';
import { clientRequest } from '../../support/proxy/client-request.js';

const names = 'Accept Authorization Connection Impersonate-User Impersonate-Extra-a X-Request-Id'.split(' ');

/** What reads the fields of a client's watch, and of the API server's answer. */
const readers: Readonly<Record<string, (fields: string[]) => unknown>> = {
  'the key of a watch': rawHeaders => {
    const request = {
      ...clientRequest({ rawHeaders }),
      path: { info: {}, forServer: { rawPath: '/', query: '' } },
    };
    const callers = { isStillLetIn: () => true, endOf: () => undefined };
    sharableHeaders(watchRequest(request as OpenRequest, {} as UpstreamRequest, callers).rawHeaders);
  },
  'the head of an answer': fields => [
    headOfClient(fields, { api: {}, auditId: 'id' }),
    createEventReader(fields, new TableEvents(), false),
  ],
};

describe('reading a list of header fields takes time in proportion to its length:', () => {
  for (const [what, read] of Object.entries(readers)) it(what, () => assertLinearIn(names, read));
});

describe('the head of a shared answer for one client', () => {
  const fields = (text: string) => text.split(' ');
  const own = fields('Content-Type application/json X-Audit-Id a Audit-Id-X a X x-kubernetes-pf-a');
  const ofSender = fields(
    'Audit-Id of-ann X-Kubernetes-Pf-Flowschema-Uid ann x-kubernetes-pf-prioritylevel-uid ann Set-Cookie a=b',
  );
  const among = (api: object | undefined, auditId?: string) => ({ api, auditId });

  for (const [what, client, expected] of [
    ['among users has nothing of the one as whom the watch was sent', among({}), own],
    ['among users has the Audit-Id of the client’s own request', among({}, 'a'), [...own, 'Audit-Id', 'a']],
    ['stays as it is among clients of one user', among(undefined), [...own, ...ofSender]],
  ] as const) {
    it(`${what}, and has the time of now`, () => {
      const date = ['DATE', 'Thu, 01 Jan 1970 00:00:00 GMT'];
      const [name, time = '', ...rest] = headOfClient([...date, ...own, ...ofSender], client);
      assert.equal(name, 'DATE');
      assert.ok(Date.now() - Date.parse(time) < 60_000);
      assert.deepEqual(rest, expected);
    });
  }
});
