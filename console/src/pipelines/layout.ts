/** Where steps stand when nobody has put them anywhere. */

import { graphlib, layout } from "@dagrejs/dagre";
import type { Position } from "./history";
import { type Edge, type Pipeline, edgesOf, roundsOf } from "./model";

export const NODE_WIDTH = 200;
export const NODE_HEIGHT = 64;
const GAP_X = 48;
const GAP_Y = 24;

/** Beyond that, dagre takes longer than anybody waits between two keys. */
const MOST_FOR_DAGRE = 40;
const SWEEPS = 6;

let known: { key: string; places: Record<string, Position> } | null = null;

/** Left to right by who waits for whom. What is written in a step changes nothing, so it is not worked out again. */
export function laidOut(pipeline: Pick<Pipeline, "steps">): Record<string, Position> {
  const names = Object.keys(pipeline.steps).toSorted();
  const edges = edgesOf(pipeline);
  const key = JSON.stringify([names, edges.map(({ from, to }) => [from, to])]);
  if (known?.key !== key) known = { key, places: names.length > MOST_FOR_DAGRE ? layered(pipeline, edges) : byDagre(names, edges) };
  return known.places;
}

/** Where steps stand: those that somebody moved stay, the others where the layout puts them. */
export function placed(pipeline: Pick<Pipeline, "steps">, moved: Readonly<Record<string, Position>>): Record<string, Position> {
  const names = Object.keys(pipeline.steps);
  if (names.every((name) => Object.hasOwn(moved, name))) return { ...moved };
  return { ...laidOut(pipeline), ...moved };
}

function byDagre(names: readonly string[], edges: readonly Edge[]): Record<string, Position> {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: GAP_Y, ranksep: GAP_X, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of names) graph.setNode(name, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const { from, to } of edges) graph.setEdge(from, to);
  layout(graph);
  const places: Record<string, Position> = {};
  for (const name of graph.nodes()) {
    const { x, y } = graph.node(name) as Position;
    places[name] = { x: Math.round(x - NODE_WIDTH / 2), y: Math.round(y - NODE_HEIGHT / 2) };
  }
  return places;
}

/** A column for each round; in it, steps near the middle of what they are connected with. */
function layered(pipeline: Pick<Pipeline, "steps">, edges: readonly Edge[]): Record<string, Position> {
  const columns = roundsOf(pipeline);
  const near = new Map<string, string[]>();
  for (const { from, to } of edges) {
    near.set(from, [...(near.get(from) ?? []), to]);
    near.set(to, [...(near.get(to) ?? []), from]);
  }
  const row = new Map(columns.flatMap((column) => column.map((name, index) => [name, index - column.length / 2] as const)));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const column of sweep % 2 === 0 ? columns : columns.toReversed()) {
      const middle = new Map(column.map((name) => [name, mean((near.get(name) ?? []).map((it) => row.get(it) ?? 0)) ?? row.get(name) ?? 0]));
      column.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0));
      column.forEach((name, index) => row.set(name, index - column.length / 2));
    }
  }
  const places: Record<string, Position> = {};
  columns.forEach((column, x) => {
    for (const name of column) places[name] = { x: x * (NODE_WIDTH + GAP_X), y: Math.round((row.get(name) ?? 0) * (NODE_HEIGHT + GAP_Y)) };
  });
  return places;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, it) => sum + it, 0) / values.length;
}
