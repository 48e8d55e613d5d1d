import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GoneSamples } from '../../../src/features/found-clusters/gone-samples.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { withClusterLabel } from '../../../src/observability/metrics/cluster-label.js';
import { createIdleMetrics } from '../../support/proxy/metrics.js';

describe('the samples of clusters', () => {
  /** @param looks Is called when a metric reads its samples. */
  const create = (looks: () => void = () => {}) => {
    const connections = () => {
      looks();
      return new Map();
    };
    const metrics = createIdleMetrics({ clusterLabel: withClusterLabel, connections });
    const contexts: { readonly name: string }[] = [];
    const clusters = { contexts } as unknown as ConstructorParameters<typeof GoneSamples>[0]['clusters'];
    return { metrics, contexts, samples: new GoneSamples({ registry: metrics.registry, metrics, clusters }) };
  };

  it('that are gone for good are dropped, and begin anew should the name come again', async () => {
    const { metrics, contexts, samples } = create();
    const info = parseRequestInfo('GET', '/api/v1/pods', '');
    const requestTo = (of: ReturnType<typeof metrics.ofCluster>) => {
      const ended = { info, code: 200, isUpgrade: false, isRevoked: false, hasSucceeded: false };
      of.requestStarted(info).ended({ ...ended, firstByteAfter: undefined, endedBy: undefined }, 0.01, 0, 0);
    };
    const use = (cluster: string) => {
      const of = metrics.ofCluster(cluster);
      requestTo(of);
      of.rejected('path');
      of.credentials.expires('static', new Date(0));
      return of;
    };
    const lines = async (cluster: string) =>
      (await metrics.registry.metrics()).split('\n').filter(line => line.includes(`cluster="${cluster}"`));
    use('gone');
    use('other');
    const [gone, other] = [await lines('gone'), await lines('other')];
    assert.ok(gone.length > 20);
    await samples.drop('gone');
    assert.deepEqual([await lines('gone'), await lines('other')], [[], other]);
    const again = use('gone');
    assert.deepEqual(await lines('gone'), gone);
    // It has come again, or a context of its name.
    const dropped = samples.drop('gone');
    contexts.push({ name: 'gone' });
    await dropped;
    assert.deepEqual(await lines('gone'), gone);
    requestTo(again);
    assert.notDeepEqual(await lines('gone'), gone, 'requests are counted on');
  });

  it('that go together are looked for once, however many there are', async () => {
    let looks = 0;
    const { samples } = create(() => {
      looks += 1;
    });
    await samples.drop('one');
    const ofOne = looks;
    await Promise.all(Array.from({ length: 100 }, (_, index) => samples.drop(`${index}`)));
    assert.equal(looks, 2 * ofOne);
  });
});
