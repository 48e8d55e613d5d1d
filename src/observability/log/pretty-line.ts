import { spellOutControls } from './control-characters.js';

/** The fields of a pino log line, or those that remain to be printed. */
type Fields = Readonly<Record<string, unknown>>;

const levels: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/**
 * Turns a JSON line of the log into one line for people: time, level, event. For a request this is a summary that fits on a terminal. No
 * value in it can begin a new line or control the terminal.
 */
export function prettyLine(json: string): string {
  const { level, time, msg, err, ...rest } = JSON.parse(spellOutControls(json)) as Fields;
  const isRequest = 'method' in rest && 'path' in rest && 'code' in rest;
  const what = isRequest ? summaryOf(rest) : [String(msg ?? ''), ...pairsOf(rest)].join(' ');
  const name = levels[Number(level)] ?? String(level);
  return `[${clock(Number(time))}] ${name}: ${what}${errorOf(err, ': ')}\n`;
}

/** `GET /api/v1/pods 200, 3.2 ms, 1.5 kB, alice as carol`. While the request is open, `open` replaces duration and bytes. */
function summaryOf(fields: Fields): string {
  const { method, path, code, durationMs, bytes, user, impersonatedUser, deniedBy, endedBy } = fields;
  const parts = [`${method} ${path} ${code === 0 ? 'no answer' : code}`];
  if (durationMs === undefined) parts.push('open');
  else parts.push(duration(Number(durationMs)), size(Number(bytes)));
  if (impersonatedUser !== undefined) parts.push(`${user} as ${impersonatedUser}`);
  else if (user !== undefined) parts.push(String(user));
  if (deniedBy !== undefined) parts.push(`denied by ${deniedBy}`);
  if (endedBy !== undefined) parts.push(`ended by ${endedBy}`);
  return parts.join(', ');
}

function pairsOf(fields: Fields): string[] {
  return Object.entries(fields).map(([key, value]) => `${key}=${word(value)}`);
}

/** A simple string as it is, another string in quotes, and any other value as JSON. Control characters are already escaped. */
function word(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return value;
  return typeof value === 'string' ? `"${value.replaceAll('"', '\\"')}"` : JSON.stringify(value);
}

/** The messages of an error and its causes; below them the stack, indented, if the error has one (an unexpected error). */
function errorOf(error: unknown, before: string): string {
  if (typeof error !== 'object' || error === null) return '';
  const { type, message, code, stack, cause } = error as Fields;
  const named = stack === undefined ? message : `${type}: ${message}`;
  const text = `${before}${named}${code === undefined ? '' : ` (${code})`}${errorOf(cause, '; ')}`;
  if (typeof stack !== 'string') return text;
  const frames = stack.split('\\n').filter(line => /^\s+at /.test(line));
  return [text, ...frames].join('\n');
}

/** Local time, to the millisecond. */
function clock(time: number): string {
  const date = new Date(time);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(part =>
    String(part).padStart(2, '0'),
  );
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Three significant digits and a unit. */
function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Number(milliseconds.toPrecision(3))} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 120) return `${Number(seconds.toPrecision(3))} s`;
  return seconds < 7_200
    ? `${Math.round(seconds / 60)} min`
    : `${Number((seconds / 3_600).toPrecision(3))} h`;
}

function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const [unit, name] = bytes < 999_500 ? [1e3, 'kB'] : bytes < 999_500_000 ? [1e6, 'MB'] : [1e9, 'GB'];
  return `${Number((bytes / unit).toPrecision(3))} ${name}`;
}
