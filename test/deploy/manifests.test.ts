import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { hasKubectl, kubectlTest } from '../support/clients/kubectl.js';
import { packageJson, projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { containersOf, type Labels, type Manifest, only, optionsOf, proxyOf, render } from './manifests.js';

function assertIncludes(labels: Labels | undefined, selector: Labels): void {
  assert.ok(Object.keys(selector).length > 0);
  assert.deepEqual({ ...labels, ...selector }, labels);
}

const folders = ['sidecar', 'gateway'] as const;

for (const folder of folders) {
  const manifests = hasKubectl ? await render(folder) : [];

  kubectlTest(`every Pod of deploy/${folder} keeps to the restricted Pod Security Standard`, () => {
    const { labels } = only(manifests, 'Namespace').metadata;
    assert.equal(labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
    const pod = only(manifests, 'Deployment').spec.template.spec;
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.ok(pod.securityContext.runAsUser > 0);
    assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' });
    for (const { name, securityContext, resources } of containersOf(pod)) {
      const expected = {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      };
      assert.deepEqual(securityContext, expected, name);
      assert.ok(
        resources.requests['cpu'] && resources.requests['memory'] && resources.limits['memory'],
        name,
      );
    }
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) assert.ok(!(key in pod), key);
    for (const volume of pod.volumes ?? []) assert.ok(!('hostPath' in volume));
  });

  kubectlTest(`the kubelet and Prometheus use the admin port of the proxy of deploy/${folder}`, () => {
    const proxy = proxyOf(only(manifests, 'Deployment').spec.template.spec);
    const options = optionsOf(proxy);
    assert.equal(options.adminPort, 8002);
    assert.equal(options.adminAddress, '0.0.0.0');
    const admin = proxy.ports?.find(({ name }) => name === 'admin');
    assert.equal(admin?.containerPort, options.adminPort);
    assert.deepEqual(proxy.livenessProbe?.httpGet, { path: '/livez', port: 'admin' });
    assert.deepEqual(proxy.readinessProbe?.httpGet, { path: '/readyz', port: 'admin' });
    assert.equal(proxy.startupProbe?.httpGet.port, 'admin');
  });

  kubectlTest(`every selector of Pods in deploy/${folder} names labels that the Pods have`, () => {
    const namespace = only(manifests, 'Namespace').metadata.name;
    const { metadata, spec } = only(manifests, 'Deployment');
    const { labels } = spec.template.metadata;
    assertIncludes(labels, spec.selector.matchLabels);
    for (const { labelSelector } of spec.template.spec.topologySpreadConstraints ?? []) {
      assertIncludes(labels, labelSelector.matchLabels);
    }
    for (const manifest of manifests) {
      if (manifest.kind === 'Service') assertIncludes(labels, manifest.spec.selector);
      if (manifest.kind === 'PodDisruptionBudget') assertIncludes(labels, manifest.spec.selector.matchLabels);
      if (manifest.kind === 'NetworkPolicy') assertIncludes(labels, manifest.spec.podSelector.matchLabels);
      if (manifest.kind === 'HorizontalPodAutoscaler') {
        assert.equal(manifest.spec.scaleTargetRef.kind, 'Deployment');
        assert.equal(manifest.spec.scaleTargetRef.name, metadata.name);
      }
      if (!/^Namespace$|Role/.test(manifest.kind)) {
        assert.equal(manifest.metadata.namespace, namespace, manifest.kind);
      }
    }
    const account = only(manifests, 'ServiceAccount').metadata.name;
    assert.equal(spec.template.spec.serviceAccountName, account);
    const roles = manifests.filter(({ kind }) => /Role$/.test(kind));
    const bindings = manifests.filter(({ kind }) => /RoleBinding$/.test(kind));
    for (const { subjects } of bindings) {
      assert.deepEqual(subjects, [{ kind: 'ServiceAccount', name: account, namespace }]);
    }
    assert.deepEqual(
      bindings.map(({ roleRef, metadata }) => [roleRef.kind, roleRef.name, metadata.namespace]),
      roles.map(role => [role.kind, role.metadata.name, role.metadata.namespace]),
    );
  });

  kubectlTest(`deploy/${folder} uses the image of deploy/image, with the package's version`, async () => {
    const { image } = proxyOf(only(manifests, 'Deployment').spec.template.spec);
    assert.equal(image, `kube-api-proxy:${packageJson.version}`);
    const written = await readFile(projectFile(`deploy/${folder}/deployment.yaml`), 'utf8');
    assert.match(written, /^ +image: kube-api-proxy$/m);
  });
}

kubectlTest(
  'the proxy of deploy/sidecar is a native sidecar that serves the API on loopback only, and alone has a token, which can read the listed resources',
  async () => {
    const manifests = await render('sidecar');
    const pod = only(manifests, 'Deployment').spec.template.spec;
    const [proxy] = pod.initContainers ?? [];
    assert.ok(proxy);
    assert.equal(proxy.restartPolicy, 'Always');
    const options = optionsOf(proxy);
    assert.deepEqual([options.address, options.port], ['127.0.0.1', 8001]);
    assert.deepEqual(
      proxy.ports?.map(({ name }) => name),
      ['admin'],
    );
    assert.ok(options.shutdownGrace / 1000 + 5 < pod.terminationGracePeriodSeconds);

    assert.equal(pod.automountServiceAccountToken, false);
    const mounting = containersOf(pod).filter(({ volumeMounts = [] }) => volumeMounts.length > 0);
    assert.deepEqual(
      mounting.map(({ name }) => name),
      ['kube-api-proxy'],
    );
    assert.equal(proxy.volumeMounts?.[0]?.mountPath, '/var/run/secrets/kubernetes.io/serviceaccount');
    for (const { verbs, resources = [] } of only(manifests, 'Role').rules) {
      for (const verb of verbs) assert.match(verb, /^(get|list|watch)$/);
      for (const resource of resources)
        assert.doesNotMatch(resource, /\*|^secrets$|^configmaps$|exec|attach|portforward|proxy/);
    }
  },
);

const compiler = projectFile('node_modules/.bin/tsc');

/** The folder with the types of Kubernetes 1.30's objects. */
const types = dirname(createRequire(import.meta.url).resolve('kubernetes-types/package.json'));

/** `kubernetes-types` has a folder for each API group, by its first label; the group without a name is `core`. */
function moduleOf(apiVersion: string): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  return `kubernetes-types/${group?.split('.')[0]}/${version}`;
}

/**
 * TypeScript's errors for sets of objects, written as literals of their types: unknown fields, missing ones, wrong types. Those are what an
 * API server of that version reports under strict field validation. Each error begins with the set's name.
 */
async function complaints(sets: Readonly<Record<string, readonly Manifest[]>>): Promise<string[]> {
  const folder = temporaryFolder();
  const config = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      module: 'esnext',
      moduleResolution: 'bundler',
      types: [],
      paths: { 'kubernetes-types/*': [`${types}/*`] },
    },
    files: Object.keys(sets).map(name => `${name}.ts`),
  };
  for (const [name, manifests] of Object.entries(sets)) {
    const source = manifests.map(
      (manifest, index) =>
        `import type { ${manifest.kind} as T${index} } from '${moduleOf(manifest.apiVersion)}';\n` +
        `export const m${index}: T${index} = ${JSON.stringify(manifest, null, 1)};\n`,
    );
    await writeFile(join(folder, `${name}.ts`), source.join('\n'));
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout, error } = spawnSync(compiler, ['-p', folder, '--pretty', 'false'], {
    encoding: 'utf8',
    cwd: folder,
  });
  assert.equal(error, undefined);
  return stdout.split('\n').filter(line => line !== '');
}

kubectlTest(
  'every object of deploy/ is valid for Kubernetes 1.30, uses only API versions that every one from 1.30 on serves, and would not be with a misspelt field',
  async () => {
    const sets: Record<string, Manifest[]> = {};
    for (const folder of folders) {
      sets[folder] = await render(folder);
      const misspelt = await render(folder);
      Object.assign(only(misspelt, 'Deployment').spec.template.spec, { terminationGracePeriodSecond: 1 });
      sets[`${folder}-misspelt`] = misspelt;
    }
    // The compiler takes a second, so one run reads everything.
    const told = await complaints(sets);
    assert.deepEqual(
      told.map(line => /^(.*)\.ts\(.*(terminationGracePeriodSecond)/.exec(line)?.slice(1) ?? line).sort(),
      folders.map(folder => [`${folder}-misspelt`, 'terminationGracePeriodSecond']).sort(),
    );
    const stable = new Set([
      ...['v1', 'apps/v1', 'autoscaling/v2', 'networking.k8s.io/v1', 'policy/v1'],
      'rbac.authorization.k8s.io/v1',
    ]);
    for (const { apiVersion, kind } of folders.flatMap(folder => sets[folder] ?? []))
      assert.ok(stable.has(apiVersion), kind);
  },
);
