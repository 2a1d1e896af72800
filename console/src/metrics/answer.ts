/** What the server measured, as it answers. All lists are as long as `times`; `null` is where nothing was measured. */

import type { Schemas } from "@/api/client";

export type ProjectFigures = Schemas["ProjectMetrics"];
export type NodeFigures = Schemas["NodeMetrics"];
export type ServiceFigures = Schemas["ServiceMetrics"];
export type Values = (number | null)[];

export const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"] as const satisfies (keyof Schemas["ByClass"])[];
