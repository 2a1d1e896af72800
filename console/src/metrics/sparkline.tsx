import type { Values } from "./answer";

interface Props {
  values: Values;
  /** All of it in words. */
  label: string;
  colour: string;
}

const [WIDTH, HEIGHT] = [160, 28];

/** A small line without axes: whether something rises or falls. Gaps stay gaps. */
export function Sparkline({ values, label, colour }: Props) {
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className="h-7 w-full max-w-40 overflow-visible" style={{ color: `var(${colour})` }}>
      <path d={pathOf(values, WIDTH, HEIGHT)} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" strokeLinecap="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

/** A path from left to right; the highest value is at the top, nothing is at the bottom. */
export function pathOf(values: Values, width: number, height: number): string {
  const most = Math.max(Number.MIN_VALUE, ...values.map((value) => value ?? 0));
  const step = width / Math.max(1, values.length - 1);
  let isDrawing = false;
  let path = "";
  values.forEach((value, index) => {
    if (value === null) {
      isDrawing = false;
      return;
    }
    path += `${isDrawing ? "L" : "M"}${(index * step).toFixed(1)} ${(height - (value / most) * height).toFixed(1)}`;
    // What stands between two gaps is a short line.
    if (!isDrawing && (values[index + 1] ?? null) === null) path += "h3";
    isDrawing = true;
  });
  return path;
}
