/**
 * What has to be known again when the browser comes back from GitHub.
 *
 * The address that it comes back with is of no use to anybody else: what it belongs to stays in this tab.
 */

const CONTINUATION = "pierhead.github";

export function keepContinuation(continuation: string): void {
  sessionStorage.setItem(CONTINUATION, continuation);
}

/** Once: what was begun is finished, or begun again. */
export function takeContinuation(): string | null {
  const continuation = sessionStorage.getItem(CONTINUATION);
  sessionStorage.removeItem(CONTINUATION);
  return continuation;
}
