import { useSyncExternalStore } from "react";

/** A choice of this browser that outlives it: theme, density, shortcuts. */
export class Stored<T extends string> {
  readonly #key: string;
  readonly #allowed: readonly T[];
  readonly #usual: T;
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(key: string, allowed: readonly T[], usual: T) {
    this.#key = `pierhead.${key}`;
    this.#allowed = allowed;
    this.#usual = usual;
    this.#value = this.#read();
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    try {
      if (value === this.#usual) localStorage.removeItem(this.#key);
      else localStorage.setItem(this.#key, value);
    } catch {
      // Without storage the choice lasts until the next reload.
    }
    for (const listener of this.#listeners) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #read(): T {
    try {
      const value = localStorage.getItem(this.#key);
      return this.#allowed.find((it) => it === value) ?? this.#usual;
    } catch {
      return this.#usual;
    }
  }
}

export function useStored<T extends string>(stored: Stored<T>): T {
  return useSyncExternalStore(stored.subscribe, () => stored.value);
}
