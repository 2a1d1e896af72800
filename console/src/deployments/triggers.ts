const WORDS: Record<string, string> = {
  api: "by request",
  redeploy: "redeployed",
  rollback: "rolled back",
  push: "by a push",
  drain: "moved to another node",
};

/** Why a deployment was made, for people. */
export function triggerWords(trigger: string): string {
  return WORDS[trigger] ?? trigger.replaceAll("_", " ");
}
