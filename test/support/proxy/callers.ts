/**
 * How tests of the core make a gateway: the option whose file has one caller a line, as token,user,uid,"group1,group2". No other test of the
 * core names a way to authenticate. `callers-method.ts` takes its place where all features are deleted.
 */
export const callersOption = 'tokenAuthFile';

/** The same option as a flag. */
export const callersFlag = (file: string) => `--token-auth-file=${file}`;
