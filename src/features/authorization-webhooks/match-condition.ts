import { bool, Compiler } from '../../cel/expression.js';
import type { JsonObject } from '../../lib/json.js';
import type { MatchCondition } from './configuration.js';
import type { SelectorAttributes, SubjectAccessReviewSpec } from './subject-access-review.js';

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

/** `request`: strings that are missing are there, and empty (`convertObjectToUnstructured`). */
function requestOf(spec: SubjectAccessReviewSpec): JsonObject {
  const { user = '', uid = '', groups = [], extra = {} } = spec;
  const { resourceAttributes: resource, nonResourceAttributes: other } = spec;
  return {
    ...{ user, uid, groups, extra },
    resourceAttributes: resource && {
      ...{ namespace: '', verb: '', group: '', version: '', resource: '', subresource: '', name: '' },
      ...resource,
      fieldSelector: selectorOf(resource.fieldSelector),
      labelSelector: selectorOf(resource.labelSelector),
    },
    nonResourceAttributes: other && { path: '', verb: '', ...other },
  };
}

function selectorOf({
  rawSelector = '',
  requirements = [],
}: SelectorAttributes = {}): JsonObject | undefined {
  if (rawSelector !== '') return { rawSelector };
  if (requirements.length === 0) return undefined;
  return { requirements: requirements.map(requirement => ({ values: [], ...requirement })) };
}
