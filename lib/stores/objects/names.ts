import { ObjectError } from './objects.ts';

const PART = /^[A-Za-z0-9._-]+$/;

/** Whether a name can have this between two `/`. */
export function isPart(part: string): boolean {
  return PART.test(part) && part !== '.' && part !== '..';
}

/** Whether it is an object's name. */
export function isName(name: string): boolean {
  return name.length <= 512 && name.split('/').every(isPart);
}

/** Refuses what is no object's name, before a store acts on it: a name can never lead out of the store. */
export function checkName(name: string): void {
  if (!isName(name)) {
    const shown = JSON.stringify(name.slice(0, 80));
    throw new ObjectError(
      'STORE_FAILED',
      `${shown} is no object name: use up to 512 characters, parts of [A-Za-z0-9._-] separated by "/".`,
    );
  }
}

/** The number of names that one `delete` takes. */
export const MAX_DELETE = 1000;

/** Checks the names of one `delete`. */
export function checkNames(names: readonly string[]): void {
  if (names.length > MAX_DELETE) {
    throw new ObjectError(
      'STORE_FAILED',
      `${names.length} names are too many: delete at most ${MAX_DELETE} at a time.`,
    );
  }
  for (const name of names) checkName(name);
}
