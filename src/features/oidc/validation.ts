import { loadCertificateAuthority } from '../../certificates/certificate-authority.js';
import { issuerProblem } from '../../lib/issuer-url.js';
import { readWhole } from '../../lib/read-file.js';
import type { Path } from '../../lib/yaml-document.js';
import type { Report } from '../common/configuration-file/problem.js';
import type {
  AuthenticationConfiguration,
  ClaimOrExpression,
  ExtraMapping,
  JwtAuthenticator,
  PrefixedClaimOrExpression,
} from './configuration.js';
import type { Expression, Variable } from './expressions.js';
import type { ClaimMapping, Rule, Source } from './mapping.js';

/** An entry of the configuration that can be used, and its compiled expressions. */
export interface ValidAuthenticator {
  readonly entry: JwtAuthenticator;
  readonly mapping: ClaimMapping;
}

const mostEntries = 64;

/**
 * Checks a configuration as the API server does (k8s.io/apiserver `pkg/apis/apiserver/validation`), and compiles its expressions. What it
 * reports cannot be used.
 */
export async function validate(
  { jwt }: AuthenticationConfiguration,
  report: Report,
): Promise<readonly ValidAuthenticator[]> {
  if (jwt.length > mostEntries) {
    report(['jwt'], `has more than ${mostEntries} entries`);
    return [];
  }
  const hasExpressions = JSON.stringify(jwt).includes('xpression"');
  // Stryker disable next-line ConditionalExpression: a file without expressions only loads less
  const compiler = hasExpressions ? await import('./expressions.js') : undefined;
  const seen = { url: new Set<string>(), discoveryURL: new Set<string>() };
  const valid: ValidAuthenticator[] = [];
  for (const [index, entry] of jwt.entries()) {
    const path = ['jwt', index];
    await checkIssuer(entry.issuer, seen, [...path, 'issuer'], report);
    valid.push({ entry, mapping: new MappingCompiler(compiler, report).compile(entry, path) });
  }
  return valid;
}

type Seen = Readonly<Record<'url' | 'discoveryURL', Set<string>>>;

async function checkIssuer(
  issuer: JwtAuthenticator['issuer'],
  seen: Seen,
  path: Path,
  report: Report,
): Promise<void> {
  const {
    url = '',
    discoveryURL = '',
    certificateAuthority = '',
    audiences = [],
    audienceMatchPolicy = '',
  } = issuer;
  for (const [field, value] of Object.entries({ url, discoveryURL })) {
    if (value === '') {
      if (field === 'url') report([...path, field], 'is missing');
      continue;
    }
    const problem = issuerProblem(value, '');
    if (problem !== undefined) report([...path, field], problem.replace(/^:? /, ''));
    const others = seen[field as keyof Seen];
    if (others.has(value)) report([...path, field], 'is that of another entry');
    others.add(value);
  }
  if (discoveryURL !== '' && withoutSlashes(url) === withoutSlashes(discoveryURL)) {
    report([...path, 'discoveryURL'], 'is the same as url');
  }
  if (certificateAuthority !== '') {
    const source = { data: Buffer.from(certificateAuthority), origin: 'it' };
    const loaded = await loadCertificateAuthority(source, readWhole);
    const parts = partsOf(certificateAuthority);
    if ('problems' in loaded) report([...path, 'certificateAuthority'], 'has no certificate');
    else if (partsOf(String(loaded.certificateAuthority)) < parts)
      report([...path, 'certificateAuthority'], 'has a certificate that cannot be read');
  }
  if (audiences.length === 0) report([...path, 'audiences'], 'is missing');
  for (const [index, audience] of audiences.entries()) {
    if (audience === '') report([...path, 'audiences', index], 'is empty');
    else if (audiences.indexOf(audience) < index) report([...path, 'audiences', index], 'is there twice');
  }
  if (audienceMatchPolicy !== 'MatchAny' && (audienceMatchPolicy !== '' || audiences.length > 1)) {
    report([...path, 'audienceMatchPolicy'], 'is not MatchAny');
  }
  if ('egressSelectorType' in issuer && issuer.egressSelectorType !== '') {
    report(
      [...path, 'egressSelectorType'],
      'is not supported, as in an API server with its default feature gates',
    );
  }
}

/** How many parts certificates make of a file. */
function partsOf(pem: string): number {
  return pem.split('-----BEGIN CERTIFICATE-----').length;
}

function withoutSlashes(url: string): string {
  return url.replace(/(?<!\/)\/+$/, '');
}

type Compiler = Pick<typeof import('./expressions.js'), 'compileExpression'>;

/** `IsDomainPrefixedPath` of k8s.io/apimachinery: a DNS name, a slash, and a path. */
const extraKey =
  /^(?=[^/]{1,253}\/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** Compiles the mappings and rules of one entry, and reports what is wrong with them. */
class MappingCompiler {
  readonly #compiler: Compiler | undefined;
  readonly #report: Report;

  constructor(compiler: Compiler | undefined, report: Report) {
    this.#compiler = compiler;
    this.#report = report;
  }

  compile(
    { claimMappings, claimValidationRules = [], userValidationRules = [] }: JwtAuthenticator,
    path: Path,
  ) {
    const at = [...path, 'claimMappings'];
    const claimRules = this.#rules(claimValidationRules, [...path, 'claimValidationRules'], 'claims');
    const { username = {}, groups, uid, extra = [] } = claimMappings;
    const mapping: ClaimMapping = {
      username: this.#prefixed(username, [...at, 'username'], true) ?? { claim: '', prefix: '' },
      groups: groups && this.#prefixed(groups, [...at, 'groups'], false),
      uid: uid && this.#source(uid, [...at, 'uid'], false),
      extra: this.#extra(extra, [...at, 'extra']),
      requiredClaims: new Map(
        claimValidationRules.flatMap(({ claim = '', requiredValue = '' }) =>
          claim === '' ? [] : [[claim, requiredValue]],
        ),
      ),
      claimRules,
      userRules: this.#rules(userValidationRules, [...path, 'userValidationRules'], 'user'),
    };
    this.#checkEmail(mapping, [...at, 'username', 'expression']);
    return mapping;
  }

  /** A name by `claims.email` is anybody's who may write an address there, unless something looks at `claims.email_verified`. */
  #checkEmail({ username, extra, claimRules }: ClaimMapping, path: Path): void {
    if (!('text' in username) || !username.selectsClaim('email')) return;
    const all = [
      username,
      ...extra.map(({ value }) => value),
      ...claimRules.map(({ expression }) => expression),
    ];
    if (all.some(expression => expression.selectsClaim('email_verified'))) return;
    this.#report(
      path,
      'uses claims.email, so it, an extra valueExpression or a claimValidationRules expression must use claims.email_verified',
    );
  }

  #prefixed(source: PrefixedClaimOrExpression, path: Path, isRequired: boolean): Source | undefined {
    const { claim = '', expression = '', prefix } = source;
    if (claim !== '' && expression === '' && prefix === undefined) {
      this.#report([...path, 'prefix'], 'is missing; it may be an empty string');
    }
    if (expression !== '' && claim === '' && prefix !== undefined) {
      this.#report([...path, 'prefix'], 'cannot be there with an expression');
    }
    return this.#source(source, path, isRequired);
  }

  #source(
    { claim = '', expression = '', prefix = '' }: ClaimOrExpression & { readonly prefix?: string },
    path: Path,
    isRequired: boolean,
  ): Source | undefined {
    if (claim !== '' && expression !== '') {
      this.#report(path, 'has both a claim and an expression');
    } else if (claim !== '') {
      return { claim, prefix };
    } else if (expression !== '') {
      return this.#expression(expression, [...path, 'expression'], 'claims');
    } else if (isRequired) {
      this.#report(path, 'needs a claim or an expression');
    }
    return undefined;
  }

  #extra(extra: readonly ExtraMapping[], path: Path): ClaimMapping['extra'] {
    const keys = extra.map(({ key = '' }) => key);
    return extra.flatMap(({ valueExpression = '' }, index) => {
      const key = keys[index] as string;
      const at = [...path, index, 'key'];
      if (!extraKey.test(key)) this.#report(at, 'is not a DNS name, a slash and a path');
      else if (key !== key.toLowerCase()) this.#report(at, 'has capital letters');
      else if (/^(?:[^/]*\.)?(?:k8s|kubernetes)\.io\//.test(key))
        this.#report(at, 'is reserved for Kubernetes');
      if (keys.indexOf(key) < index) this.#report(at, 'is there twice');
      const value = this.#required(valueExpression, [...path, index, 'valueExpression'], 'claims');
      return value === undefined ? [] : [{ key, value }];
    });
  }

  #rules(
    rules: readonly (ClaimOrExpression & { readonly requiredValue?: string; readonly message?: string })[],
    path: Path,
    variable: Variable,
  ): readonly Rule[] {
    return rules.flatMap(({ claim = '', expression = '', requiredValue = '', message = '' }, index) => {
      const at = [...path, index];
      const earlier = rules.slice(0, index);
      if (claim !== '') {
        if (expression !== '') this.#report(at, 'has both a claim and an expression');
        else if (message !== '') this.#report([...at, 'message'], 'cannot be there with a claim');
        if (earlier.some(other => other.claim === claim)) this.#report([...at, 'claim'], 'is there twice');
        return [];
      }
      if (requiredValue !== '') this.#report([...at, 'requiredValue'], 'needs a claim');
      if (expression !== '' && earlier.some(other => other.expression === expression)) {
        this.#report([...at, 'expression'], 'is there twice');
      }
      const compiled = this.#required(expression, [...at, 'expression'], variable, true);
      return compiled === undefined ? [] : [{ expression: compiled, message }];
    });
  }

  #required(text: string, path: Path, variable: Variable, isRule = false): Expression | undefined {
    if (text !== '') return this.#expression(text, path, variable, isRule);
    this.#report(path, 'is missing');
    return undefined;
  }

  #expression(text: string, path: Path, variable: Variable, isRule = false): Expression | undefined {
    try {
      return this.#compiler?.compileExpression(text, variable, { isRule });
    } catch (error) {
      if ((error as Error).name !== 'ExpressionError') throw error;
      this.#report(path, 'cannot be used', `: ${JSON.stringify(text)}: ${(error as Error).message}`);
      return undefined;
    }
  }
}
