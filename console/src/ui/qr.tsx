import { encode } from "uqr";

/** A QR code as one path: nothing is fetched, nothing is drawn on a canvas. Dark on light in both themes, as cameras expect. */
export default function QrCode({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { border: 2 });
  const path = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shapeRendering="crispEdges" className="size-56 rounded-lg bg-[white] p-2">
      <path d={path} fill="black" />
    </svg>
  );
}
