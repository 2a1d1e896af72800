import { graphlib, layout } from "@dagrejs/dagre";
import type { Position } from "./history";
import { type Pipeline, edgesOf } from "./model";

export const NODE_WIDTH = 200;
export const NODE_HEIGHT = 64;

/** Left to right by who waits for whom. */
export function laidOut(pipeline: Pick<Pipeline, "steps">): Record<string, Position> {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 24, ranksep: 48, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of Object.keys(pipeline.steps).toSorted()) graph.setNode(name, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const { from, to } of edgesOf(pipeline)) graph.setEdge(from, to);
  layout(graph);
  const positions: Record<string, Position> = {};
  for (const name of graph.nodes()) {
    const { x, y } = graph.node(name) as Position;
    positions[name] = { x: Math.round(x - NODE_WIDTH / 2), y: Math.round(y - NODE_HEIGHT / 2) };
  }
  return positions;
}

/** Where steps stand: those that somebody moved stay, the others where the layout puts them. */
export function placed(pipeline: Pick<Pipeline, "steps">, moved: Readonly<Record<string, Position>>): Record<string, Position> {
  const names = Object.keys(pipeline.steps);
  if (names.every((name) => Object.hasOwn(moved, name))) return { ...moved };
  return { ...laidOut(pipeline), ...moved };
}
