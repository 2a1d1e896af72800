import { Background, Controls, type Edge as FlowEdge, MiniMap, type NodeChange, type OnConnect, ReactFlow, ReactFlowProvider, applyNodeChanges, useReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { useEffect, useMemo, useRef, useState } from "react";
import type { StepStatus } from "@/runs/statuses";
import "./flow.css";
import type { Position } from "./history";
import { NODE_HEIGHT, NODE_WIDTH, placed } from "./layout";
import { type Pipeline, edgesOf } from "./model";
import { type StepFlowNode, StepNode } from "./step-node";

const NODE_TYPES = { step: StepNode };
/** An overview helps when not everything fits. */
const MAP_FROM = 16;
const MOVED_BY_KEYS_MS = 400;

export interface StepState {
  status: StepStatus;
  note?: string | undefined;
  tag?: string | undefined;
}

interface Props {
  pipeline: Pipeline;
  positions: Readonly<Record<string, Position>>;
  selected: string | null;
  onSelect: (step: string | null) => void;
  label: string;
  problems?: Readonly<Record<string, { message: string; isError: boolean }>>;
  states?: Readonly<Record<string, StepState>>;
  /** Without it, it is only to be looked at. */
  editing?: {
    onMove: (places: Record<string, Position>) => void;
    onConnect: (from: string, to: string) => void;
    onDisconnect: (from: string, to: string) => void;
    onRemove: (names: string[]) => void;
  };
}

export default function Canvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  );
}

function Flow({ pipeline, positions, selected, onSelect, label, problems, states, editing }: Props) {
  const isEditable = editing !== undefined;
  const places = useMemo(() => placed(pipeline, positions), [pipeline, positions]);
  const wanted = useMemo(
    () =>
      Object.entries(pipeline.steps).map(
        ([name, step]): StepFlowNode => ({
          id: name,
          type: "step",
          position: places[name] ?? { x: 0, y: 0 },
          selected: name === selected,
          ariaLabel: [name, step.kind, problems?.[name]?.message, states?.[name]?.status].filter((it) => it !== undefined).join(", "),
          // Known ahead, so that the first picture is the whole picture.
          width: NODE_WIDTH,
          height: NODE_HEIGHT,
          data: { name, step, problem: problems?.[name], status: states?.[name]?.status, note: states?.[name]?.note, tag: states?.[name]?.tag, canConnect: isEditable },
        }),
      ),
    [pipeline, places, selected, problems, states, isEditable],
  );
  const [nodes, setNodes] = useState(wanted);
  const [shown, setShown] = useState(wanted);
  if (shown !== wanted) {
    setShown(wanted);
    // What was measured stays: a step whose handles are not known takes no arrow.
    const measured = new Map(nodes.map((node) => [node.id, node.measured]));
    setNodes(wanted.map((node) => ({ ...node, measured: measured.get(node.id) })));
  }
  const edges = useMemo(
    () =>
      edgesOf(pipeline).map(({ from, to, kind }): FlowEdge => {
        const isMoving = states?.[to]?.status === "running" || states?.[to]?.status === "retrying";
        return {
          id: `${from}>${to}`,
          source: from,
          target: to,
          className: `${kind} ${isMoving ? "moving" : ""}`,
          deletable: isEditable && kind !== "data",
          focusable: isEditable,
          ariaLabel: `${to} waits for ${from}${kind === "data" ? ", because it uses what that one leaves" : ""}`,
        };
      }),
    [pipeline, states, isEditable],
  );
  useFitted(
    Object.entries(places)
      .filter(([name]) => !Object.hasOwn(positions, name))
      .map(([name, { x, y }]) => `${name} ${x} ${y}`)
      .join(),
  );

  const byKeys = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const onNodesChange = (changes: NodeChange<StepFlowNode>[]) => {
    const next = applyNodeChanges(changes.filter(({ type }) => type === "position" || type === "dimensions"), nodes);
    setNodes(next);
    for (const it of changes) if (it.type === "select" && it.selected) onSelect(it.id);
    // The arrow keys move without dragging: what they did is one gesture.
    if (editing !== undefined && changes.some((it) => it.type === "position" && it.dragging !== true && it.position !== undefined)) {
      clearTimeout(byKeys.current);
      byKeys.current = setTimeout(() => editing.onMove(placesOf(next)), MOVED_BY_KEYS_MS);
    }
  };
  const connect: OnConnect = ({ source, target }) => editing?.onConnect(source, target);
  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      nodeTypes={NODE_TYPES}
      onNodesChange={onNodesChange}
      onConnect={connect}
      onNodesDelete={(gone) => editing?.onRemove(gone.map(({ id }) => id))}
      onEdgesDelete={(gone) => gone.forEach(({ source, target }) => editing?.onDisconnect(source, target))}
      onNodeDragStop={(_, __, moved) => editing?.onMove({ ...places, ...placesOf(moved) })}
      onNodeClick={(_, { id }) => onSelect(id)}
      onPaneClick={() => onSelect(null)}
      nodesDraggable={isEditable}
      nodesConnectable={isEditable}
      deleteKeyCode={isEditable ? ["Delete", "Backspace"] : null}
      multiSelectionKeyCode={null}
      selectionKeyCode={null}
      fitView
      fitViewOptions={{ maxZoom: 1, padding: 0.12 }}
      minZoom={0.2}
      maxZoom={1.6}
      preventScrolling={isEditable}
      aria-label={label}
    >
      <Background gap={20} />
      <Controls showInteractive={false} position="bottom-left" orientation={isEditable ? "vertical" : "horizontal"} />
      {nodes.length >= MAP_FROM && <MiniMap pannable zoomable ariaLabel="Overview" />}
    </ReactFlow>
  );
}

/** Shows all of it again when the layout has put steps elsewhere. */
function useFitted(layout: string): void {
  const { fitView } = useReactFlow();
  useEffect(() => {
    const frame = requestAnimationFrame(() => void fitView({ maxZoom: 1, padding: 0.12 }));
    return () => cancelAnimationFrame(frame);
  }, [layout, fitView]);
}

function placesOf(nodes: readonly StepFlowNode[]): Record<string, Position> {
  return Object.fromEntries(nodes.map(({ id, position: { x, y } }) => [id, { x: Math.round(x), y: Math.round(y) }]));
}
