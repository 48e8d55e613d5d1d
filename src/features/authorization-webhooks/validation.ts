import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { describeFileError } from '../../lib/read-file.js';
import { parseDuration } from '../../lib/value-type.js';
import type { Path } from '../../lib/yaml-document.js';
import type { FileFormat } from '../common/configuration-file/parse.js';
import type { Report } from '../common/configuration-file/problem.js';
import type { MatchCondition, WebhookConfiguration } from './configuration.js';

/** The API server's file of authorizers. */
export const authorizationFile: FileFormat = {
  kind: 'AuthorizationConfiguration',
  versions: ['v1', 'v1beta1'],
  fields: {
    authorizers: [
      {
        type: 'a string',
        name: 'a string',
        webhook: {
          authorizedTTL: 'a duration',
          cacheAuthorizedRequests: 'true or false',
          unauthorizedTTL: 'a duration',
          cacheUnauthorizedRequests: 'true or false',
          timeout: 'a duration',
          subjectAccessReviewVersion: 'a string',
          matchConditionSubjectAccessReviewVersion: 'a string',
          failurePolicy: 'a string',
          connectionInfo: { type: 'a string', kubeConfigFile: 'a string' },
          matchConditions: [{ expression: 'a string' }],
        },
      },
    ],
  },
};

/** What the file may have. */
interface FileContent {
  readonly authorizers?: readonly Authorizer[];
}

interface Authorizer {
  readonly type?: string;
  readonly name?: string;
  readonly webhook?: Webhook;
}

interface Webhook {
  readonly authorizedTTL?: string;
  readonly cacheAuthorizedRequests?: boolean;
  readonly unauthorizedTTL?: string;
  readonly cacheUnauthorizedRequests?: boolean;
  readonly timeout?: string;
  readonly subjectAccessReviewVersion?: string;
  readonly matchConditionSubjectAccessReviewVersion?: string;
  readonly failurePolicy?: string;
  readonly connectionInfo?: { readonly type?: string; readonly kubeConfigFile?: string };
  readonly matchConditions?: readonly { readonly expression?: string }[];
}

/** An entry that can be used, without its server. */
export interface ValidWebhook extends Omit<WebhookConfiguration, 'server'> {
  /** Absolute path of the kubeconfig for its server. */
  readonly kubeconfig: string;
  /** Where the file names it. */
  readonly path: Path;
}

const mostConditions = 64;
const longestTimeout = 30_000;
/** The API server's defaults, in milliseconds. */
const defaults = { authorizedTTL: 5 * 60_000, unauthorizedTTL: 30_000 };
/** The authorizers of the API server that are no webhooks. */
const others = ['Node', 'RBAC', 'ABAC', 'AlwaysAllow', 'AlwaysDeny'];

/**
 * Checks a file that has the right fields as the API server does (k8s.io/apiserver `pkg/apis/apiserver/validation`), and compiles its match
 * conditions. What it reports cannot be used.
 */
export async function validate(content: object, report: Report): Promise<readonly ValidWebhook[]> {
  const { authorizers = [] }: FileContent = content;
  if (authorizers.length === 0) report(['authorizers'], 'is missing');
  const names = authorizers.map(({ name }) => name);
  const valid: ValidWebhook[] = [];
  for (const [index, { type = '', name = '', webhook }] of authorizers.entries()) {
    const path = ['authorizers', index];
    if (type !== 'Webhook') {
      report([...path, 'type'], typeProblem(type));
      continue;
    }
    const isTaken = names.indexOf(name) < index;
    const problem = nameProblem(name) ?? (isTaken ? 'is that of another entry' : undefined);
    if (problem !== undefined) report([...path, 'name'], problem);
    if (webhook === undefined) {
      report([...path, 'webhook'], 'is missing');
      continue;
    }
    const reader = new WebhookReader([...path, 'webhook'], report);
    valid.push({ name, ...(await reader.read(webhook)) });
  }
  return valid;
}

function typeProblem(type: string): string {
  if (type === '') return 'is missing';
  if (!others.includes(type)) return 'is not Webhook';
  return `is ${type}, which is not supported: take this entry out, the API server behind the gateway decides by itself`;
}

/** `IsDNS1123Subdomain` of k8s.io/apimachinery. */
function nameProblem(name: string): string | undefined {
  if (name === '') return 'is missing';
  if (name.length > 253) return 'is longer than 253 characters';
  const label = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
  return new RegExp(`^${label}(?:\\.${label})*$`).test(name)
    ? undefined
    : 'is no DNS name of lower-case letters, digits, - and .';
}

/** Reads what an entry says of its webhook. */
class WebhookReader {
  readonly #path: Path;
  readonly #report: Report;

  constructor(path: Path, report: Report) {
    this.#path = path;
    this.#report = report;
  }

  async read(webhook: Webhook): Promise<Omit<ValidWebhook, 'name'>> {
    const { subjectAccessReviewVersion: version = '', failurePolicy = '', connectionInfo = {} } = webhook;
    const { matchConditions = [], matchConditionSubjectAccessReviewVersion: conditionVersion = '' } = webhook;
    if (version === 'v1beta1')
      this.#wrong('subjectAccessReviewVersion', 'is v1beta1, which is not supported; use v1');
    else if (version !== 'v1')
      this.#wrong('subjectAccessReviewVersion', version === '' ? 'is missing' : 'is not v1');
    if (conditionVersion !== 'v1' && (conditionVersion !== '' || matchConditions.length > 0)) {
      this.#wrong(
        'matchConditionSubjectAccessReviewVersion',
        conditionVersion === '' ? 'is missing; match conditions need it' : 'is not v1',
      );
    }
    if (failurePolicy !== 'NoOpinion' && failurePolicy !== 'Deny') {
      this.#wrong('failurePolicy', failurePolicy === '' ? 'is missing' : 'is neither NoOpinion nor Deny');
    }
    return {
      authorizedTtl: this.#ttl(webhook, 'authorizedTTL'),
      unauthorizedTtl: this.#ttl(webhook, 'unauthorizedTTL'),
      cacheAuthorized: webhook.cacheAuthorizedRequests ?? true,
      cacheUnauthorized: webhook.cacheUnauthorizedRequests ?? true,
      timeout: this.#timeout(webhook),
      failurePolicy: failurePolicy as 'NoOpinion' | 'Deny',
      kubeconfig: await this.#kubeconfig(connectionInfo),
      path: [...this.#path, 'connectionInfo', 'kubeConfigFile'],
      matchConditions: matchConditions.length === 0 ? [] : await this.#conditions(matchConditions),
    };
  }

  #wrong(field: string, problem: string): void {
    this.#report([...this.#path, field], problem);
  }

  #ttl(webhook: Webhook, field: 'authorizedTTL' | 'unauthorizedTTL'): number {
    const ttl = parseDuration(webhook[field] ?? '0') || defaults[field];
    if (ttl < 0) this.#wrong(field, 'is not more than 0s');
    return ttl;
  }

  #timeout({ timeout: text = '0' }: Webhook): number {
    const timeout = parseDuration(text) ?? 0;
    if (timeout === 0) this.#wrong('timeout', 'is missing');
    else if (timeout < 0 || timeout > longestTimeout)
      this.#wrong('timeout', 'is not more than 0s, and at most 30s');
    return timeout;
  }

  async #kubeconfig({
    type = '',
    kubeConfigFile: file = '',
  }: NonNullable<Webhook['connectionInfo']>): Promise<string> {
    const at = (field: string) => [...this.#path, 'connectionInfo', field];
    if (type === 'InClusterConfig') {
      this.#report(at('type'), 'is InClusterConfig, which is not supported; use KubeConfigFile');
    } else if (type !== 'KubeConfigFile') {
      this.#report(at('type'), type === '' ? 'is missing' : 'is not KubeConfigFile');
    } else {
      const problem = await fileProblem(file);
      if (problem !== undefined) this.#report(at('kubeConfigFile'), problem);
    }
    return file;
  }

  async #conditions(
    conditions: readonly { readonly expression?: string }[],
  ): Promise<readonly MatchCondition[]> {
    if (conditions.length > mostConditions) {
      this.#wrong('matchConditions', `has more than ${mostConditions} entries`);
      return [];
    }
    const { compileMatchCondition } = await import('./match-condition.js');
    const all = conditions.map(({ expression = '' }) => expression);
    return all.flatMap((expression, index) => {
      const at = [...this.#path, 'matchConditions', index, 'expression'];
      if (expression.trim() === '') this.#report(at, 'is missing');
      else if (all.indexOf(expression) < index) this.#report(at, 'is there twice');
      else {
        try {
          return [compileMatchCondition(expression)];
        } catch (error) {
          if ((error as Error).name !== 'ExpressionError') throw error;
          this.#report(at, 'cannot be used', `: ${JSON.stringify(expression)}: ${(error as Error).message}`);
        }
      }
      return [];
    });
  }
}

async function fileProblem(file: string): Promise<string | undefined> {
  if (file === '') return 'is missing';
  if (!isAbsolute(file)) return 'is no absolute path';
  try {
    return (await stat(file)).isFile() ? undefined : 'is no regular file';
  } catch (error) {
    return `cannot be read: ${describeFileError(error)}`;
  }
}
