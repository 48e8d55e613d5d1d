import type { JsonObject } from '../../lib/json.js';
import { bool, Compiler } from '../common/cel/expression.js';
import type { MatchCondition } from './configuration.js';
import type { SelectorAttributes, SubjectAccessReviewSpec } from './review.js';

const selector = {
  rawSelector: 'string',
  requirements: [{ key: 'string', operator: 'string', values: 'list<string>' }],
} as const;

/** The variable of the API server's match conditions (k8s.io/apiserver `pkg/authorization/cel`). */
const compiler = new Compiler({
  name: 'request',
  fields: {
    user: 'string',
    groups: 'list<string>',
    uid: 'string',
    extra: 'map<string, list<string>>',
    resourceAttributes: {
      namespace: 'string',
      verb: 'string',
      group: 'string',
      version: 'string',
      resource: 'string',
      subresource: 'string',
      name: 'string',
      fieldSelector: selector,
      labelSelector: selector,
    },
    nonResourceAttributes: { path: 'string', verb: 'string' },
  },
});

/** Compiles a match condition. Throws an ExpressionError. */
export function compileMatchCondition(expression: string): MatchCondition {
  const compiled = compiler.compile(expression, { isRule: true });
  return { expression, matches: spec => compiled.evaluate(requestOf(spec), bool) };
}

/** `request`: strings that are missing are there, and empty (`convertObjectToUnstructured`). Copies of what is spread would take most of the time. */
function requestOf(spec: SubjectAccessReviewSpec): JsonObject {
  const { resourceAttributes: resource, nonResourceAttributes: other } = spec;
  return {
    user: spec.user ?? '',
    uid: spec.uid ?? '',
    groups: spec.groups ?? [],
    extra: spec.extra ?? {},
    resourceAttributes: resource && {
      namespace: resource.namespace ?? '',
      verb: resource.verb ?? '',
      group: resource.group ?? '',
      version: resource.version ?? '',
      resource: resource.resource ?? '',
      subresource: resource.subresource ?? '',
      name: resource.name ?? '',
      fieldSelector: resource.fieldSelector && selectorOf(resource.fieldSelector),
      labelSelector: resource.labelSelector && selectorOf(resource.labelSelector),
    },
    nonResourceAttributes: other && { path: other.path ?? '', verb: other.verb ?? '' },
  };
}

function selectorOf({ rawSelector = '', requirements = [] }: SelectorAttributes): JsonObject | undefined {
  if (rawSelector !== '') return { rawSelector };
  if (requirements.length === 0) return undefined;
  return { requirements: requirements.map(({ key, operator, values = [] }) => ({ key, operator, values })) };
}
