/**
 * Characters that a terminal may act on, and that JSON does not escape: DEL and C1 (0x9b begins a command as ESC [ does), line and paragraph separators,
 * and the marks that change the direction of the text around them (CVE-2021-42574).
 */
const raw = '\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069';
const rawOnly = new RegExp(`[${raw}]`, 'g');
/** The same, and every escape of JSON: otherwise an escaped backslash before an n would pass for `\\n`. */
const rawOrEscape = new RegExp(`\\\\.|[${raw}]`, 'g');

/** The same JSON, with escapes for the characters that a terminal may act on. */
export function escapeControls(json: string): string {
  return json.replace(rawOnly, unicodeEscape);
}

/** JSON in which each such character (and each of C0) in a string is replaced by its escape: the strings are safe to print once parsed. */
export function spellOutControls(json: string): string {
  return json.replace(rawOrEscape, found => {
    if (found.length === 1) return `\\${unicodeEscape(found)}`;
    return '\\"/'.includes(found.charAt(1)) ? found : `\\${found}`;
  });
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
