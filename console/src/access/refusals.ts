/** Why a sign-in with an account elsewhere came to nothing: the codes of `?problem=`, in words. */

const REFUSALS: Record<string, string> = {
  denied: "You said no there. Nothing has changed.",
  expired: "It took too long, or it began in another browser. Try again.",
  provider_failed: "The other side did not answer as it should. Try again; the server's log says more.",
  unverified: "Your e-mail address is not verified there. Verify it there, then try again.",
  account_unverified: "Your address has an account here that never proved to own it. Sign in with its password, then link the other account in your profile.",
  no_account: "Nobody here has your address. Ask an administrator for an invitation.",
  disabled: "Your account is disabled. Ask an administrator.",
  linked_elsewhere: "That account is linked to another account here.",
};

export function refusalText(code: string | undefined): string | null {
  if (code === undefined) return null;
  return REFUSALS[code] ?? "It did not work. Try again.";
}
