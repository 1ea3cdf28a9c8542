import { ObjectError } from './objects.ts';

/** Which bytes of an object of `size` bytes a `get` means. A range that passes the end, or is none, is STORE_FAILED. */
export function resolveRange(
  name: string,
  size: number,
  options: { start?: number; length?: number } = {},
): { start: number; length: number } {
  const start = options.start ?? 0;
  const length = options.length ?? size - start;
  if (
    !Number.isSafeInteger(start) ||
    !Number.isSafeInteger(length) ||
    start < 0 ||
    length < 0 ||
    start + length > size
  ) {
    const asked = `${options.length ?? 'all'} bytes from ${start}`;
    throw new ObjectError('STORE_FAILED', `${name} has ${size} bytes; ${asked} is no range of it.`);
  }
  return { start, length };
}
