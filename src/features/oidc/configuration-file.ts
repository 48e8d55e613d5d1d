import { isScalar, visit } from 'yaml';
import { type Path, parseYaml, spell } from '../../kubeconfig/yaml-document.js';
import { isObject } from '../../lib/json.js';
import { runAtOnce } from '../../lib/steps.js';
import type { AuthenticationConfiguration, Problem, Report } from './configuration.js';

/** What a field may be: a string, true or false, a list of one shape, or an object that has no other fields. */
type Shape = 'a string' | 'true or false' | readonly [Shape] | { readonly [field: string]: Shape };

const claimOrExpression = { claim: 'a string', expression: 'a string' } as const;
const prefixed = { ...claimOrExpression, prefix: 'a string' } as const;
const rule = { expression: 'a string', message: 'a string' } as const;

const shape: Shape = {
  apiVersion: 'a string',
  kind: 'a string',
  jwt: [
    {
      issuer: {
        url: 'a string',
        discoveryURL: 'a string',
        certificateAuthority: 'a string',
        audiences: ['a string'],
        audienceMatchPolicy: 'a string',
        egressSelectorType: 'a string',
      },
      claimValidationRules: [{ ...rule, claim: 'a string', requiredValue: 'a string' }],
      claimMappings: {
        username: prefixed,
        groups: prefixed,
        uid: claimOrExpression,
        extra: [{ key: 'a string', valueExpression: 'a string' }],
      },
      userValidationRules: [rule],
    },
  ],
  anonymous: { enabled: 'true or false', conditions: [{ path: 'a string' }] },
};

/** What the file has besides what the gateway reads. */
interface FileContent {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly jwt?: readonly object[];
  readonly anonymous?: { readonly enabled?: boolean };
}

/** A file that has the right fields. `report` adds a problem with the file's line. */
export interface ConfigurationFile {
  readonly configuration: AuthenticationConfiguration;
  readonly report: Report;
}

/**
 * Reads the API server's file (YAML or JSON) as strictly as it does: an unknown field, one that is there twice, and a value of another type
 * are problems, null is a missing value. The problems are collected in `problems`. Of the file, they quote names of fields and expressions.
 */
export function parseConfigurationFile(
  file: string,
  text: string,
  problems: Problem[],
): ConfigurationFile | undefined {
  const yaml = runAtOnce(parseYaml(file, text));
  if ('problems' in yaml) {
    problems.push(...yaml.problems.map(text => ({ text, publicText: text })));
    return undefined;
  }
  const report: Report = (path, problem, detail = '') => {
    const where = path.length === 0 ? '' : `${spell(path)} `;
    const publicText = `${yaml.at(yaml.nodeAt(path))}: ${where}${problem}`;
    problems.push({ text: publicText + detail, publicText });
  };
  visit(yaml.document, {
    Map(_key, { items }) {
      const names = items.map(({ key }) => (isScalar(key) ? key.value : undefined));
      for (const [index, name] of names.entries()) {
        if (name === undefined || names.indexOf(name) === index) continue;
        const text = `${yaml.at(items[index]?.key as never)}: ${JSON.stringify(name)} is there twice`;
        problems.push({ text, publicText: text });
      }
    },
  });
  const content = decode(yaml.value, shape, [], report) as FileContent | undefined;
  if (content === undefined) return undefined;
  const { apiVersion, kind, jwt = [], anonymous } = content;
  if (kind !== 'AuthenticationConfiguration') report(['kind'], 'is not AuthenticationConfiguration');
  if (!versions.has(apiVersion ?? '')) report(['apiVersion'], `is not ${[...versions].join(' or ')}`);
  if (anonymous !== undefined && (anonymous.enabled !== false || 'conditions' in anonymous)) {
    report(['anonymous'], 'can only be enabled: false: the gateway has no anonymous callers');
  }
  const entries = jwt.map(entry => ({
    issuer: { url: '', audiences: [] },
    claimMappings: { username: {} },
    ...entry,
  }));
  return { configuration: { jwt: entries as never }, report };
}

const versions: ReadonlySet<string> = new Set(
  ['v1', 'v1beta1'].map(version => `apiserver.config.k8s.io/${version}`),
);

/** The value with its known fields; undefined if it is missing or wrong. */
function decode(value: unknown, shape: Shape, path: Path, report: Report): unknown {
  if (value === undefined || value === null) {
    if (path.length === 0) report(path, 'is empty');
    return undefined;
  }
  if (typeof shape === 'string') {
    if (typeof value === (shape === 'a string' ? 'string' : 'boolean')) return value;
    report(path, `is not ${shape}`);
    return undefined;
  }
  if (isList(shape)) {
    if (Array.isArray(value))
      return value.map((item, index) => decodeItem(item, shape[0], [...path, index], report));
    report(path, 'is not a list');
    return undefined;
  }
  if (!isObject(value)) {
    report(path, 'is not a mapping');
    return undefined;
  }
  const known = Object.entries(value).map(([name, field]) => {
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (inner === undefined) report([...path, name], 'is an unknown field');
    return [name, inner && decode(field, inner, [...path, name], report)] as const;
  });
  return Object.fromEntries(known.filter(([, field]) => field !== undefined));
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

/** A missing item is an empty string, or an object without fields, as in Go. */
function decodeItem(value: unknown, shape: Shape, path: Path, report: Report): unknown {
  return decode(value, shape, path, report) ?? (typeof shape === 'string' ? '' : {});
}
