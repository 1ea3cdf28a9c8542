import { checkName, checkNames } from './names.ts';
import { ObjectError, type ObjectStore } from './objects.ts';
import { resolveRange } from './range.ts';

/** Objects in this process's memory, gone when it ends. What goes in and what comes out is copied. */
export function openMemory(): ObjectStore {
  const objects = new Map<string, Uint8Array>();
  let closed = false;

  function enter(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (closed) throw new ObjectError('STORE_FAILED', 'The object store is closed: open it again.');
  }

  return {
    async put(name, parts, { signal } = {}) {
      enter(signal);
      checkName(name);
      if (objects.has(name)) throw new ObjectError('OBJECT_EXISTS', `${name} exists; names are never reused.`);
      objects.set(name, concat(parts));
    },

    async get(name, { signal, ...range } = {}) {
      enter(signal);
      checkName(name);
      const bytes = objects.get(name);
      if (bytes === undefined) throw new ObjectError('OBJECT_MISSING', `There is no object ${name}.`);
      const { start, length } = resolveRange(name, bytes.length, range);
      return bytes.slice(start, start + length);
    },

    async stat(name, { signal } = {}) {
      enter(signal);
      checkName(name);
      const size = objects.get(name)?.length;
      return size === undefined ? undefined : { name, size };
    },

    async list(prefix, { after = '', limit = 1000, signal } = {}) {
      enter(signal);
      const names = [...objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
      return names.slice(0, limit).map((name) => ({ name, size: objects.get(name)!.length }));
    },

    async delete(names, { signal } = {}) {
      enter(signal);
      checkNames(names);
      for (const name of names) objects.delete(name);
    },

    async close() {
      closed = true;
    },
  };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
