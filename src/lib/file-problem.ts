const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'is a directory',
  EACCES: 'permission denied',
  ENOTDIR: 'part of its path is not a folder',
  ETIMEDOUT: 'reading it takes too long',
  ENODATA: 'is a pipe that no program writes to',
  EFBIG: 'is larger than 16 MB',
};

/** Why a file could not be read, in words for a message, after the file's name. They never contain the file's content. */
export function describeFileError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return reasons[code] ?? `cannot be read (${code})`;
}
