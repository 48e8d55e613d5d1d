import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { readProviderFile } from '../../../src/features/found-clusters/provider-file.js';

const file = '/etc/providers.json';
const v1 = 'client.authentication.k8s.io/v1';
const plugin = { apiVersion: v1, command: 'get-token', args: ['--secret'], env: [{ name: 'A', value: 'b' }] };

function read(content: unknown) {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return readProviderFile(file, async () => Buffer.from(text));
}

async function problemsOf(content: unknown): Promise<string> {
  const result = await read(content);
  assert.ok('problems' in result, JSON.stringify(result));
  for (const problem of result.problems)
    assert.ok(problem.startsWith(`--clusterprofile-provider-file: ${file}`));
  return result.problems.join('\n');
}

describe('the file of --clusterprofile-provider-file', () => {
  it('has plugins, which run without a terminal, from the working folder, by the names of providers in their order', async () => {
    const result = await read({
      providers: [
        { name: 'b', execConfig: { ...plugin, command: './bin/plugin', provideClusterInfo: true } },
        { name: 'a', execConfig: { ...plugin, args: null, env: null, interactiveMode: 'Always' }, other: 1 },
      ],
    });
    assert.ok('providers' in result, JSON.stringify(result));
    const { args, env } = plugin;
    const rest = { apiVersion: v1, installHint: '' };
    assert.deepEqual(
      [...result.providers],
      [
        ['b', { ...rest, command: resolve('bin/plugin'), args, env, provideClusterInfo: true }],
        ['a', { ...rest, command: 'get-token', args: [], env: [], provideClusterInfo: false }],
      ],
    );
  });

  it('may say that a ClusterProfile adds no arguments and no variables to a plugin, and nothing else about that', async () => {
    const withPolicy = (field: string, policy: unknown) => ({
      providers: [{ name: 'a', execConfig: plugin, [field]: policy }],
    });
    const fields = [
      'profileSourcedCLIArgsPolicy',
      'profileSourcedEnvVarsPolicy',
      'ProfileSourcedCliArgspolicy',
    ];
    for (const field of fields) {
      for (const policy of ['Ignore', '', null])
        assert.ok('providers' in (await read(withPolicy(field, policy))));
      for (const policy of [
        'Append',
        'AppendIfNotExists',
        'Replace',
        'ignore',
        'Ignore ',
        true,
        ['Ignore'],
      ]) {
        const problem = `:1: providers[0].${field} is ${JSON.stringify(policy)}; it can only be Ignore, because`;
        assert.ok((await problemsOf(withPolicy(field, policy))).includes(problem), `${field} ${policy}`);
      }
    }
  });

  it('is refused with the line and the provider of each problem', async () => {
    for (const [content, problem] of [
      ['', /has no list of providers/],
      ['{"providers": []}', /has no list of providers/],
      ['{"providers": {}}', /has no list of providers/],
      ['{', /json:\d: /],
      [{ providers: [{ execConfig: plugin }] }, /:1: providers\[0\]\.name is not a name/],
      [{ providers: [{ name: '', execConfig: plugin }] }, /providers\[0\]\.name is not a name/],
      [{ providers: [null, 'a'] }, /providers\[0\]\.name is not a name\n.*providers\[1\]\.name is not/],
      [{ providers: [{ name: 'a' }] }, /providers\[0\] has no execConfig/],
      [{ providers: [{ name: 'a', execConfig: [] }] }, /providers\[0\] has no execConfig/],
      [
        { providers: [{ name: 'a', execConfig: {} }] },
        /providers\[0\]: exec\.command must be set.*\n.*exec\.apiV/,
      ],
      [
        `providers:\n- name: a\n  execConfig: ${JSON.stringify(plugin)}\n- {name: a, execConfig: {}}`,
        /json:4: providers\[1\]: two providers have the name "a"/,
      ],
    ] as const) {
      assert.match(await problemsOf(content), problem);
    }
    const missing = await readProviderFile(file, async () => {
      throw Object.assign(new Error('no'), { code: 'ENOENT' });
    });
    assert.deepEqual(missing, { problems: [`--clusterprofile-provider-file: ${file}: no such file`] });
  });
});
