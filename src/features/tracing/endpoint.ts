import { readFileSync } from 'node:fs';
import { describeFileError } from '../../lib/read-file.js';

type Env = Readonly<Record<string, string | undefined>>;

/** The files that the exporter reads, and would leave out in silence. */
const files = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'];

/**
 * Where spans go: the URL of the flag, below which `/v1/traces` is added if it has no path, or else those of OpenTelemetry's variables
 * (OpenTelemetry specification, "OTLP Exporter Configuration"). Undefined if there is none. The exporter itself reads the other variables of
 * OTEL_EXPORTER_OTLP_*; problems of their files are found here.
 */
export function endpointOf(
  flag: string,
  env: Env,
): { readonly url: string | undefined } | { readonly problems: readonly string[] } {
  const found = flag === '' ? fromVariables(env) : { where: '--tracing-endpoint', text: flag, isBase: false };
  if (found === undefined) return { url: undefined };
  const { where, text, isBase } = found;
  // The value is not told: it may have a password in it.
  if (text.includes('@'))
    return { problems: [`${where} has an @ in it; OTEL_EXPORTER_OTLP_HEADERS can have a password`] };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return { problems: [`${where} is not an http:// or https:// URL (for example http://collector:4318)`] };
  }
  const problems = fileProblems(env);
  if (problems.length > 0) return { problems };
  if (isBase) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  else if (flag !== '' && url.pathname === '/') url.pathname = '/v1/traces';
  return { url: url.href };
}

function fromVariables(env: Env) {
  for (const [where, isBase] of [
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', false],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', true],
  ] as const) {
    const text = env[where]?.trim() ?? '';
    if (text !== '') return { where, text, isBase };
  }
  return undefined;
}

function fileProblems(env: Env): readonly string[] {
  return files.flatMap(name => {
    const where = [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`].find(
      variable => (env[variable]?.trim() ?? '') !== '',
    );
    if (where === undefined) return [];
    const path = env[where] as string;
    try {
      readFileSync(path);
      return [];
    } catch (error) {
      return [`${where}: ${JSON.stringify(path)}: ${describeFileError(error)}`];
    }
  });
}
