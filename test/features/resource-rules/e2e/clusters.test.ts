import { after, test } from 'node:test';
import { asksBelowMounts } from '../../../e2e/clusters/below-mounts.js';
import { type Leg, legs } from '../../../e2e/leg.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startManyClusters, startManyStack } from '../../../support/proxy/many-clusters.js';

const clusters = await startManyClusters({ after });
const flags = [
  ...['--accept-namespaces=default,team-0', '--reject-resources=secrets,pods/exec,deployments.apps'],
  '--reject-paths=',
];
const ruled = await startManyStack({ after }, { clusters, run: startInProcess, flags });
const { assertAsAtRoot } = asksBelowMounts(clusters);
const pod = '/api/v1/namespaces/default/pods/web-0';

for (const leg of Object.keys(legs) as Leg[]) {
  test(`rules about resources apply below a mount as at / on the ${leg} leg`, async () => {
    for (const target of [
      ...[pod, `${pod}/log`, '/version', '/api/v1/pods', '/api/v1/nodes'],
      ...['/api/v1/namespaces/kube-system/pods', '/api/v1/namespaces/default/secrets'],
      ...['/api/v1/namespaces/default/%73ecrets', '/apis/apps/v1/namespaces/default/deployments'],
      ...[`${pod}/exec?command=id`, '//api/v1/namespaces/default/secrets'],
      '/api/v1/namespaces/default/secrets/../pods',
    ])
      await assertAsAtRoot(ruled, { leg, target });
  });
}
