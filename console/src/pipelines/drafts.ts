/** What was written and not saved, kept in this browser until it is; and where one has put the steps. */

import type { Position, Snapshot } from "./history";
import { isRecord } from "./model";

interface Draft {
  /** The version it was made from. */
  base: number;
  text: string;
}

const draftKey = (project: string) => `pierhead.pipeline.${project}`;
const placesKey = (project: string) => `pierhead.places.${project}`;

export function draftOf(project: string): Draft | null {
  const kept = parsed(draftKey(project));
  return isRecord(kept) && typeof kept["base"] === "number" && typeof kept["text"] === "string" ? { base: kept["base"], text: kept["text"] } : null;
}

export function keepDraft(project: string, draft: Draft | null): void {
  write(draftKey(project), draft);
}

/** Not part of a version: moving a step changes nothing for anybody else. */
export function placesOf(project: string): Record<string, Position> {
  const kept = parsed(placesKey(project));
  const places: Record<string, Position> = {};
  for (const [name, place] of Object.entries(isRecord(kept) ? kept : {})) {
    if (isRecord(place) && typeof place["x"] === "number" && typeof place["y"] === "number") places[name] = { x: place["x"], y: place["y"] };
  }
  return places;
}

export function keepPlaces(project: string, places: Snapshot["positions"]): void {
  write(placesKey(project), Object.keys(places).length === 0 ? null : places);
}

function parsed(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function write(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Without storage it lasts until the next reload.
  }
}
