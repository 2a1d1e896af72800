import { CircleCheck, CircleX, Clock, type LucideIcon } from "lucide-react";

export const EVENTS = ["deployment.started", "deployment.live", "deployment.failed"] as const;
export type Event = (typeof EVENTS)[number];

export const EVENT_WORDS: Record<Event, string> = {
  "deployment.started": "A deployment is being built",
  "deployment.live": "A deployment is live",
  "deployment.failed": "A deployment has failed",
};

export const FORMATS = ["standard", "slack", "discord"] as const;
export type Format = (typeof FORMATS)[number];

export const FORMAT_WORDS: Record<Format, { label: string; hint: string }> = {
  standard: { label: "A program", hint: "A signed Standard Webhook: JSON with what happened, and a signature to check." },
  slack: { label: "Slack, or what speaks its language", hint: "One sentence, for an incoming webhook." },
  discord: { label: "Discord", hint: "One sentence. Nobody is called by what a commit message says." },
};

/** What is written in a list; a format or an event of a newer server is shown as it is called. */
export const formatLabel = (format: string): string => (format in FORMAT_WORDS ? FORMAT_WORDS[format as Format].label : format);

export const SENT_STATES: Record<string, { label: string; icon: LucideIcon; look: string }> = {
  pending: { label: "On its way", icon: Clock, look: "text-muted" },
  delivered: { label: "Delivered", icon: CircleCheck, look: "text-good" },
  failed: { label: "Not delivered", icon: CircleX, look: "text-bad" },
};
