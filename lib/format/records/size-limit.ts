/** Throws as node:zlib does when `size` bytes are more than `limit`: whoever decompresses says it before it allocates. */
export function checkSize(size: number, limit: number): void {
  if (size <= limit) return;
  throw Object.assign(new RangeError(`${size} bytes are more than ${limit}`), { code: 'ERR_BUFFER_TOO_LARGE' });
}
