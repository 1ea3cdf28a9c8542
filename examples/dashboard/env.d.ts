/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** The address of the log: see config.ts. */
  readonly VARVE_URL: string;
}
