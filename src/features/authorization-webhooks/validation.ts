import { isAbsolute } from 'node:path';
import { parseDuration } from '../../lib/value-type.js';
import type { Path } from '../../lib/yaml-document.js';
import type { ContentOf, FileFormat, Report } from '../common/configuration-file/parse.js';
import type { MatchCondition, WebhookConfiguration } from './configuration.js';

/** The API server's file of authorizers. */
export const authorizationFile = {
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
} as const satisfies FileFormat;

type FileContent = ContentOf<typeof authorizationFile.fields>;
type Authorizer = NonNullable<FileContent['authorizers']>[number];
type Webhook = NonNullable<Authorizer['webhook']>;

/** An entry that can be used, without its server. */
export interface ValidWebhook extends Omit<WebhookConfiguration, 'server'> {
  /** Absolute path of the kubeconfig for its server. */
  readonly kubeconfig: string;
  /** Where the file names it. */
  readonly path: Path;
}

const longestTimeout = 30_000;
/** The API server's defaults, in milliseconds. */
const defaults = { authorizedTTL: 5 * 60_000, unauthorizedTTL: 30_000 };
/** `IsDNS1123Subdomain` of k8s.io/apimachinery. */
const dnsName = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

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
      report([...path, 'type'], 'is not Webhook; the API server behind the gateway decides by itself');
      continue;
    }
    if (!dnsName.test(name))
      report([...path, 'name'], 'is no DNS name of lower-case letters, digits, - and .');
    else if (names.indexOf(name) < index) report([...path, 'name'], 'is that of another entry');
    if (webhook === undefined) {
      report([...path, 'webhook'], 'is missing');
      continue;
    }
    const reader = new WebhookReader([...path, 'webhook'], report);
    valid.push({ name, ...(await reader.read(webhook)) });
  }
  return valid;
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
    const { subjectAccessReviewVersion: version = '', failurePolicy = '' } = webhook;
    const { type, kubeConfigFile: kubeconfig = '' } = webhook.connectionInfo ?? {};
    const { matchConditions = [], matchConditionSubjectAccessReviewVersion: conditionVersion = '' } = webhook;
    if (version !== 'v1') this.#wrong('subjectAccessReviewVersion', 'is not v1');
    if (conditionVersion !== 'v1' && (conditionVersion !== '' || matchConditions.length > 0))
      this.#wrong('matchConditionSubjectAccessReviewVersion', 'is not v1');
    if (failurePolicy !== 'NoOpinion' && failurePolicy !== 'Deny')
      this.#wrong('failurePolicy', 'is neither NoOpinion nor Deny');
    if (type !== 'KubeConfigFile') this.#wrong('connectionInfo', 'has not the type KubeConfigFile');
    else if (!isAbsolute(kubeconfig))
      this.#wrong('connectionInfo', 'has a kubeConfigFile that is no absolute path');
    return {
      authorizedTtl: this.#ttl(webhook, 'authorizedTTL'),
      unauthorizedTtl: this.#ttl(webhook, 'unauthorizedTTL'),
      cacheAuthorized: webhook.cacheAuthorizedRequests ?? true,
      cacheUnauthorized: webhook.cacheUnauthorizedRequests ?? true,
      timeout: this.#timeout(webhook),
      failurePolicy: failurePolicy as 'NoOpinion' | 'Deny',
      kubeconfig,
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
    if (timeout <= 0 || timeout > longestTimeout)
      this.#wrong('timeout', 'is not more than 0s, and at most 30s');
    return timeout;
  }

  async #conditions(
    conditions: readonly { readonly expression?: string }[],
  ): Promise<readonly MatchCondition[]> {
    const { compileMatchCondition } = await import('./match-condition.js');
    return conditions.flatMap(({ expression = '' }, index) => {
      const at = [...this.#path, 'matchConditions', index, 'expression'];
      if (expression.trim() === '') this.#report(at, 'is missing');
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
