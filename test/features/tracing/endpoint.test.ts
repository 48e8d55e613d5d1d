import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { endpointOf } from '../../../src/features/tracing/endpoint.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

function urlOf(flag: string, env: Readonly<Record<string, string>> = {}): string | undefined {
  const endpoint = endpointOf(flag, env);
  if ('problems' in endpoint) throw new Error(endpoint.problems.join());
  return endpoint.url;
}

describe('where spans go', () => {
  it('is the URL of the flag, with the path of OTLP if it has none', () => {
    assert.equal(urlOf('http://collector:4318'), 'http://collector:4318/v1/traces');
    assert.equal(urlOf('https://collector/'), 'https://collector/v1/traces');
    assert.equal(urlOf('http://collector/otlp/v1/traces?a=b'), 'http://collector/otlp/v1/traces?a=b');
  });

  it('is that of the variables without the flag, as the specification reads them', () => {
    const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/own' };
    const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:4318/below/' };
    assert.equal(urlOf('', { ...traces, ...base }), 'http://traces:4318/own');
    assert.equal(urlOf('', base), 'http://all:4318/below/v1/traces');
    assert.equal(urlOf('http://flag:1', { ...traces, ...base }), 'http://flag:1/v1/traces');
    for (const env of [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }]) assert.equal(urlOf('', env), undefined);
  });

  it('is a problem if it is no URL of HTTP, or has a user, and no value is told', () => {
    for (const value of [
      'collector:4318',
      'grpc://collector',
      'http://user:hunter2@collector',
      'http://',
      '/x hunter2',
    ]) {
      for (const [flag, env, where] of [
        [value, {}, '--tracing-endpoint'],
        ['', { OTEL_EXPORTER_OTLP_ENDPOINT: value }, 'OTEL_EXPORTER_OTLP_ENDPOINT'],
      ] as const) {
        const endpoint = endpointOf(flag, env);
        assert.ok('problems' in endpoint, value);
        const [problem = '', ...more] = endpoint.problems;
        assert.match(problem, new RegExp(`^${where} (?:is not an http:// or https:// URL|has an @)`));
        assert.doesNotMatch(problem, /hunter2/);
        assert.deepEqual(more, []);
      }
    }
  });

  it('is a problem if a file of the variables cannot be read', () => {
    const missing = join(temporaryFolder(), 'ca.crt');
    for (const name of ['OTEL_EXPORTER_OTLP_CERTIFICATE', 'OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY']) {
      assert.deepEqual(endpointOf('https://collector', { [name]: missing }), {
        problems: [`${name}: ${JSON.stringify(missing)}: no such file`],
      });
      assert.deepEqual(endpointOf('', { [name]: missing }), { url: undefined });
    }
  });
});
