import { useState } from "react";

/**
 * What is saved or, from the moment on in which somebody asks for something else, that, until the answer is there.
 *
 * A mutation tells that it is pending a moment after it was begun: a box that follows `isPending` alone is put back in between.
 */
export function useAsked<T>(saved: T, send: (value: T, done: () => void) => void): [shown: T, ask: (value: T) => void, isAsking: boolean] {
  const [asked, setAsked] = useState<{ value: T }>();
  const ask = (value: T) => {
    setAsked({ value });
    send(value, () => setAsked(undefined));
  };
  return [asked === undefined ? saved : asked.value, ask, asked !== undefined];
}
